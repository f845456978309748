"""A connection that breaks, falls silent or talks nonsense: nobody is failed by it, at most one message is unknown."""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import replace

import pytest

from delivery.smtp.faults import Ending, Fault
from delivery.smtp.replies import Reply
from delivery.smtp.timeouts import Timeouts
from tests.servers.fixtures import StartReceiver

from .drive import NOT_PIPELINED, QUICK, THREE, D, F, L, R, Told, U, deliver, envelope, listen, open_session, run


@pytest.mark.parametrize(
    ("phase", "script", "expected"),
    [
        ("mail", {"mail": ["421 4.3.2 Closing"]}, [R]),
        ("rcpt", {"rcpt": {"one": "421 4.3.2 Closing"}}, [L]),
        ("data", {"data": ["421 4.3.2 Closing"]}, [L]),
        ("dot", {"dot": {"one": "421 4.3.2 Closing"}}, [L]),
    ],
)
def test_421_ends_the_connection_and_others_come_back(
    start: StartReceiver, phase: str, script: dict[str, object], expected: list[Ending]
) -> None:
    server = start(**script)
    told = deliver(server, *THREE)
    assert told.endings[:1] == expected
    assert set(told.endings[1:]) <= {R}
    assert told.replies[1].phase == phase
    assert (told.replies[1].code, told.replies[1].synthetic) == (421, "")
    assert told.over
    assert told.over.code == 421
    assert server.ledger() == []
    assert deliver(server, "two@example.net").endings == [D]


@pytest.mark.parametrize(
    ("script", "expected", "fault"),
    [
        ({"mail": ["DROP"]}, R, Fault.DROPPED),
        ({"mail": ["RST"]}, R, Fault.DROPPED),
        ({"rcpt": {"one": "DROP"}}, L, Fault.DROPPED),
        ({"data": ["DROP"]}, L, Fault.DROPPED),
        ({"dot": {"one": "DROP"}}, U, Fault.DROPPED_AFTER_DOT),
        ({"dot": {"one": "ACCEPT DROP"}}, U, Fault.DROPPED_AFTER_DOT),
        ({"dot": {"one": "ACCEPT RST"}}, U, Fault.DROPPED_AFTER_DOT),
    ],
)
def test_a_dropped_connection_leaves_at_most_one_uncertain(
    start: StartReceiver, script: dict[str, object], expected: Ending, fault: Fault
) -> None:
    told = deliver(start(**script), *THREE)
    assert told.endings[0] is expected
    assert told.replies[1].synthetic == fault
    assert set(told.endings[1:]) <= {R}


@pytest.mark.parametrize(
    ("script", "expected", "fault"),
    [
        ({"mail": ["SILENT"]}, R, Fault.TIMEOUT),
        ({"rcpt": {"one": "SILENT"}}, L, Fault.TIMEOUT),
        ({"data": ["SILENT"]}, L, Fault.TIMEOUT),
        ({"dot": {"one": "SILENT"}}, U, Fault.TIMEOUT_AFTER_DOT),
        ({"rcpt": {"one": "SLOW 0.2 250 2.1.5 One octet at a time keeps no deadline away"}}, L, Fault.TIMEOUT),
        ({"dot": {"one": "SLOW 0.2 250 2.0.0 One octet at a time"}}, U, Fault.TIMEOUT_AFTER_DOT),
    ],
)
def test_a_silent_or_dripping_server_runs_into_the_deadline_of_the_command(
    start: StartReceiver, script: dict[str, object], expected: Ending, fault: Fault
) -> None:
    began = time.monotonic()
    told = deliver(start(**script), *THREE)
    assert told.endings[0] is expected
    assert told.replies[1].synthetic == fault
    assert set(told.endings[1:]) <= {R}
    assert time.monotonic() - began < 6


def test_a_late_250_within_ten_minutes_is_one_delivery(receivers: StartReceiver) -> None:
    """Nine of ten scaled minutes after the dot, in two packets."""
    server = receivers(dot={"one": "WAIT 1.5 250 2.0.0 Ok", "two": "SLOW 0.1 250 2.0.0 Ok\r\n"})
    assert deliver(server, "one@example.net").endings == [D]
    assert deliver(server, "two@example.net").endings == [D]
    assert [a.rcpt for a in server.ledger()] == ["one@example.net"]


@pytest.mark.parametrize(
    "garbage",
    [
        r"999 what\r\n",
        r"hello\r\n",
        r"\xff\xfe2\x005\x000\x00\r\n",
        r"250-one\r\n550 two\r\n",
        "2" + "5" * 5000,
        "250-" + "x" * 900 + r"\r\n",
    ],
)
def test_garbage_closes_the_connection_and_fails_nobody(receivers: StartReceiver, garbage: str) -> None:
    server = receivers(rcpt={"one": f"RAW {garbage}"}, dot={"two": f"RAW {garbage}"})
    told = deliver(server, "one@example.net")
    assert told.endings == [L]
    assert deliver(server, "two@example.net").endings == [U]


def test_a_flood_of_reply_lines_is_bounded(receivers: StartReceiver) -> None:
    server = receivers(rcpt={"one": "FLOOD 1000000 250-and on and on\\r\\n", "two": "FLOOD 1000000 x"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("one", "two"):
        told = deliver(server, f"{name}@example.net")
        assert told.endings == [L]
        assert told.replies[1].synthetic == Fault.PROTOCOL_ERROR
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize(
    "script",
    [
        {"data": [r"RAW 354 go\r\n250 2.0.0 too early\r\n"]},
        {"rcpt": {"one": "250 2.1.5 OK\r\n250 2.1.5 OK"}, "extensions": NOT_PIPELINED},
        {"mail": ["354 what"]},
        {"rcpt": {"one": "250 2.1.5 OK\r\n250 2.1.5 OK\r\n354 go"}},
        {"data": ["250 2.0.0 taken"]},
    ],
)
def test_replies_out_of_step_never_make_a_delivery(receivers: StartReceiver, script: dict[str, object]) -> None:
    server = receivers(**script)
    told = deliver(server, "one@example.net")
    assert D not in told.endings
    assert told.over
    assert told.over.synthetic == Fault.PROTOCOL_ERROR
    assert server.ledger() == []


def test_a_surplus_reply_after_the_dot_ends_the_connection(receivers: StartReceiver) -> None:
    server = receivers(dot={"one": "250 2.0.0 Ok\r\n250 2.0.0 Ok"})
    told = deliver(server, "one@example.net")
    assert told.endings == [D]
    assert told.over
    assert told.over.synthetic == Fault.PROTOCOL_ERROR


def test_a_421_right_behind_a_refusal_is_understood(receivers: StartReceiver) -> None:
    server = receivers(data=["554 5.7.1 No\r\n421 4.7.0 Too many errors"])
    told = deliver(server, "one@example.net", "two@example.net")
    assert told.endings[0] is F
    assert told.replies[1].text == "5.7.1 No"
    assert told.over
    assert told.over.code == 421


def test_an_idle_close_with_421_is_no_failure(receivers: StartReceiver) -> None:
    server = receivers(dot={"one": "CLOSE 250 2.0.0 Ok\r\n421 4.4.2 Idle too long"})
    told = deliver(server, "one@example.net")
    assert told.endings == [D]


def test_abort_leaves_the_open_dot_uncertain_and_returns_the_rest(receivers: StartReceiver) -> None:
    server = receivers(dot={".*": "WAIT 0.9 250 2.0.0 Ok"})

    async def go() -> Told:
        told = Told()
        session = await open_session(server)
        listen(session, told)
        session.submit(envelope(1))
        session.submit(envelope(2))
        await asyncio.sleep(0.3)
        session.submit(envelope(3))
        session.abort()
        return told

    assert run(go).endings == [U, R, R]


def test_a_long_message_on_a_slow_line_is_not_cut_off_while_it_moves(receivers: StartReceiver) -> None:
    """20 MB: more than the sockets hold, so the transport pauses; the receiver reads it all the same."""
    server = receivers(check=False)

    async def go() -> Reply:
        session = await open_session(server, Timeouts().scaled(0.05))
        reply = await session.send(envelope(1, data=b"Subject: long\r\n\r\n" + b"x" * 20_000_000 + b"\r\n"))
        await session.quit()
        return reply

    assert run(go).code == 250


def test_a_server_that_stops_reading_in_mid_message_is_waited_for_by_the_block(receivers: StartReceiver) -> None:
    """Three minutes without progress (RFC 5321, 4.5.3.2.5), not the ten of the dot, which has not left yet."""
    server = receivers(data=["STALL 354 go on"], check=False)

    async def go() -> Reply:
        session = await open_session(server, replace(QUICK, block=0.3, dot=600.0))
        async with asyncio.timeout(20):
            return await session.send(envelope(1, data=b"Subject: long\r\n\r\n" + b"x" * 20_000_000 + b"\r\n"))

    assert run(go).synthetic == Fault.TIMEOUT_AFTER_DOT


def test_timeouts_are_those_of_the_rfc() -> None:
    rfc = Timeouts()
    assert (rfc.banner, rfc.mail, rfc.rcpt, rfc.data, rfc.block, rfc.dot) == (300, 300, 300, 120, 180, 600)
    assert QUICK.dot == 2.0
