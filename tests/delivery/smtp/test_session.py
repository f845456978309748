"""The dialogue over real sockets: what each answer, at each phase, means for each message."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from dataclasses import replace

import pytest

from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.timeouts import Timeouts
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import MIXED, Receiver

from .drive import QUICK, Told, deliver, envelope, listen, open_session, run

D, F, L, R, U = Ending.DELIVERED, Ending.FAILED, Ending.DEFERRED, Ending.RETURNED, Ending.UNCERTAIN
THREE = ("one@example.net", "two@example.net", "three@example.net")
NOT_PIPELINED = ["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]


@pytest.fixture(params=["pipelined", "one by one"])
def start(request: pytest.FixtureRequest, receivers: StartReceiver) -> StartReceiver:
    """Receivers with and without PIPELINING: outcomes are the same."""
    if request.param == "pipelined":
        return receivers
    return lambda **script: receivers(extensions=NOT_PIPELINED, **script)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_many_messages_over_one_connection(receivers: StartReceiver, loop: str) -> None:
    server = receivers()
    told = deliver(server, *(f"user{n}@example.net" for n in range(200)), loop=loop)
    assert told.endings == [D] * 200
    assert told.dots == list(range(1, 201))
    assert [a.token for a in server.ledger()] == [f"t{n}" for n in range(1, 201)]
    stats = server.stats()
    assert (stats["connections"], stats["violations"]) == (1, [])
    assert stats["commands"] == {"EHLO": 1, "MAIL": 200, "RCPT": 200, "DATA": 200, "QUIT": 1}


def test_the_next_group_goes_out_behind_the_dot(receivers: StartReceiver) -> None:
    """With 50 ms before each 250, commands of the next message are there already: no round trip between."""
    server = receivers(dot={".*": "WAIT 0.05 250 2.0.0 Ok"})
    began = time.monotonic()
    deliver(server, *(f"user{n}@example.net" for n in range(10)))
    assert time.monotonic() - began < 10 * 0.05 + 1.5


def test_mixed_outcomes_reach_each_their_own_message(start: StartReceiver) -> None:
    server = start(
        rcpt={"gone": "550 5.1.1 No such user", "later": "450 4.2.0 Greylisted", "full": "552 5.2.2 Full"},
        dot={"spam": "554 5.7.1 Refused", "busy": "451 4.3.0 Busy"},
    )
    names = ["a", "gone", "b", "later", "spam", "c", "full", "busy", "gone", "gone", "d"]
    told = deliver(server, *(f"{name}@example.net" for name in names))
    assert told.endings == [D, F, D, L, F, D, F, L, F, F, D]
    assert [told.replies[n].phase for n in (2, 4, 5, 8)] == [Phase.RCPT, Phase.RCPT, Phase.DOT, Phase.DOT]
    assert str(told.replies[2]) == "550 5.1.1 No such user"
    assert [a.rcpt.partition("@")[0] for a in server.ledger()] == ["a", "b", "c", "d"]
    assert told.dots == [1, 3, 5, 6, 8, 11]


def test_refusals_at_mail_and_data_are_ordinary_outcomes(start: StartReceiver) -> None:
    server = start(mail=["451 4.7.1 Later", "550 5.7.1 Not you"], data=["554 5.5.0 No", "452 4.3.1 No space"])
    told = deliver(server, *(f"user{n}@example.net" for n in range(5)))
    assert told.endings == [L, F, F, L, D]
    assert [told.replies[n].phase for n in range(1, 5)] == [Phase.MAIL, Phase.MAIL, Phase.DATA, Phase.DATA]
    assert told.dots == [5]


def test_354_without_a_recipient_is_ended_by_a_lone_dot(receivers: StartReceiver) -> None:
    server = receivers(rcpt={"gone": "550 5.1.1 No such user"}, eager_data=True)
    told = deliver(server, "gone@example.net", "a@example.net", "gone@example.net", "b@example.net")
    assert told.endings == [F, D, F, D]
    assert told.dots == [2, 4]
    assert [a.rcpt for a in server.ledger()] == ["a@example.net", "b@example.net"]
    assert server.stats()["commands"].get("RSET", 0) == 0


def test_rset_stands_before_the_next_mail_and_never_behind_data(start: StartReceiver) -> None:
    server = start(rcpt={"gone": "550 5.1.1 No such user"})
    told = deliver(server, "gone@example.net", "a@example.net")
    assert told.endings == [F, D]
    verbs = [line[:4] for line in server.stats()["lines"]]
    assert verbs[verbs.index("RSET") + 1] == "MAIL"


def test_without_pipelining_each_command_waits_for_its_turn(receivers: StartReceiver) -> None:
    server = receivers(
        extensions=NOT_PIPELINED, banner="WAIT 0.05", ehlo="WAIT 0.05", mail=["WAIT 0.05"] * 3, data=["WAIT 0.05"] * 3,
        rcpt={"two": "WAIT 0.05 550 5.1.1 No such user"}, dot={".*": "WAIT 0.05"},
    )  # fmt: skip
    assert deliver(server, *THREE).endings == [D, F, D]
    assert server.violations() == []


@pytest.mark.parametrize(
    "written", [b"EHLO a\r\nNOOP\r\n", b"EHLO a\r\nMAIL FROM:<a@b.example>\r\n", b"HELO a\r\nQUIT\r\n"]
)
def test_the_receiver_sees_who_does_not_wait(receivers: StartReceiver, written: bytes) -> None:
    """The judge itself is judged."""
    server = receivers()
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.recv(100)
        connection.sendall(written)
        connection.recv(1000)
    assert len(server.violations()) == 1


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


@pytest.mark.parametrize("veto", [lambda _id: False, lambda _id: 1 / 0])
def test_a_veto_before_the_dot_sends_nothing(
    receivers: StartReceiver, veto: object, recwarn: pytest.WarningsRecorder
) -> None:
    """The fence: a worker that was stopped too long may not send its dot."""
    server = receivers()
    told = deliver(server, *THREE, before_dot=veto)  # type: ignore[arg-type]
    assert set(told.endings) == {R}
    assert 1 in told.replies
    assert server.ledger() == []


def test_before_dot_comes_after_354_and_before_the_text(receivers: StartReceiver) -> None:
    server = receivers(data=["WAIT 0.1 354 go"])
    seen: list[tuple[int, int]] = []
    deliver(server, "one@example.net", before_dot=lambda n: seen.append((n, len(server.ledger()))))
    assert seen == [(1, 0)]


def test_messages_arrive_byte_for_byte(receivers: StartReceiver) -> None:
    server = receivers(check=False)
    bodies = [
        b".\r\n", b"..\r\n", b".\r\n.\r\n", b"\r\n.\r\n", b"a\r\n.\r\nb\r\n", b".a\r\n..b\r\n...c\r\n",
        b".\r\n" * 100_000, b"a" * 998 + b"\r\n", b"x.y\r\n" * 3000, b"\r\n", b"a\r\n\x00.\r\nb\r\n",
    ]  # fmt: skip

    async def go() -> Told:
        told = Told()
        session = await open_session(server, Timeouts().scaled(0.1))
        listen(session, told)
        for number, data in enumerate(bodies, 1):
            assert (await session.send(envelope(number, data=data))).code == 250
        await session.quit()
        return told

    run(go)
    assert [message.data for message in server.messages()] == bodies


@pytest.mark.parametrize(
    "smuggled", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\r\n.\r\n", b"\r\n.\r\n"]
)
def test_a_message_inside_a_message_stays_inside(receivers: StartReceiver, smuggled: bytes) -> None:
    server = receivers()
    inner = b"MAIL FROM:<a@evil.example>\r\nRCPT TO:<b@evil.example>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"

    async def go() -> Reply:
        session = await open_session(server)
        reply = await session.send(envelope(1, data=b"Subject: a\r\n\r\nb" + smuggled + inner))
        await session.quit()
        return reply

    assert run(go).code == 250
    assert len(server.ledger()) == 1
    assert not [line for line in server.stats()["lines"] if "evil" in line]


def test_a_message_too_large_is_answered_here_and_the_connection_goes_on(receivers: StartReceiver) -> None:
    server = receivers(size=1000)

    async def go() -> list[Reply]:
        session = await open_session(server)
        replies = [await session.send(envelope(1, data=b"x" * 1001)), await session.send(envelope(2))]
        await session.quit()
        return replies

    large, small = run(go)
    assert (large.synthetic, ending(large), small.code) == (Fault.SIZE_EXCEEDED, F, 250)
    assert server.stats()["commands"]["MAIL"] == 1


def test_an_unusable_address_between_good_ones_harms_only_itself(start: StartReceiver) -> None:
    told = deliver(start(), "a@example.net", "x>\r\nRCPT TO:<y@example.net", "b@example.net")
    assert told.endings == [D, F, D]
    assert told.replies[2].synthetic == Fault.BAD_ADDRESS


def test_japanese_addresses_go_out_as_typed(receivers: StartReceiver) -> None:
    server = receivers()
    told = deliver(server, "a..b@docomo.ne.jp", "x.@ezweb.ne.jp", "用户@例え.jp", "user@例え.jp")
    assert told.endings == [D] * 4
    rcpts = [a.rcpt for a in server.ledger()]
    assert rcpts == ["a..b@docomo.ne.jp", "x.@ezweb.ne.jp", "用户@xn--r8jz45g.jp", "user@xn--r8jz45g.jp"]


def test_submitting_by_hand_keeps_two_under_way(receivers: StartReceiver) -> None:
    server = receivers()

    async def go() -> Told:
        told = Told()
        session = await open_session(server)
        listen(session, told)
        for number in range(1, 21):
            while not session.room:
                await session.changed()
            session.submit(envelope(number))
        await session.quit()
        session.submit(envelope(21))
        return told

    told = run(go)
    assert told.endings == [D] * 20 + [R]


def test_quit_waits_for_the_dot_that_is_open(receivers: StartReceiver) -> None:
    server = receivers(dot={".*": "WAIT 0.5 250 2.0.0 Ok"})

    async def go() -> Told:
        told = Told()
        session = await open_session(server)
        listen(session, told)
        session.submit(envelope(1))
        await asyncio.sleep(0.2)
        await session.quit()
        return told

    assert run(go).endings == [D]


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


def test_an_address_that_needs_smtputf8_is_answered_here_where_it_is_not_offered(receivers: StartReceiver) -> None:
    told = deliver(receivers(extensions=["PIPELINING", "8BITMIME"]), "用户@例え.jp", "user@例え.jp")
    assert told.endings == [F, D]
    assert str(told.replies[1].status) == "5.6.7"


def test_the_servers_own_report_names_our_message(receivers: StartReceiver) -> None:
    server = receivers(extensions=["PIPELINING", "DSN"])
    assert deliver(server, "a+b@example.net").endings == [D]
    lines = server.stats()["lines"]
    assert "MAIL FROM:<b-1@bounce.example.jp> RET=HDRS ENVID=b-1" in lines
    assert "RCPT TO:<a+b@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.net" in lines


def test_the_mixed_script_of_the_campaign_test(receivers: StartReceiver) -> None:
    server = receivers(MIXED | {"ehlo": []})
    names = ["ok1", "greylist1", "later1", "gone1", "full1", "policy1"]
    rcpts = [f"{name}@example.net" for name in names]
    told = deliver(server, *rcpts)
    assert told.endings == [D, L, L, F, F, F]
    assert deliver(server, *rcpts[1:3]).endings == [D, D]
    assert deliver(server, "drop1@example.net").endings == [U]
    assert deliver(server, "vanish1@example.net").endings == [U]
    assert [a.rcpt.partition("@")[0] for a in server.ledger()] == ["ok1", "greylist1", "later1", "drop1"]


def test_timeouts_are_those_of_the_rfc() -> None:
    rfc = Timeouts()
    assert (rfc.banner, rfc.mail, rfc.rcpt, rfc.data, rfc.block, rfc.dot) == (300, 300, 300, 120, 180, 600)
    assert QUICK.dot == 2.0


def test_the_receiver_sees_what_the_standard_forbids(receivers: StartReceiver) -> None:
    """The judge itself is judged: an over-long line and a bare LF do not go unseen."""
    server: Receiver = receivers()

    async def go() -> None:
        session = await open_session(server)
        await session.send(envelope(1, data=b"x" * 999 + b"\r\nand\nbare\r\n"))
        await session.quit()

    run(go)
    assert len(server.violations()) == 2
