"""The dialogue over real sockets: what each answer, at each phase, means for each message."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from delivery.smtp.replies import Phase
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import MIXED, Receiver

from .drive import NOT_PIPELINED, THREE, D, F, L, R, Told, U, deliver, envelope, listen, open_session, run


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


def test_the_receiver_sees_what_the_standard_forbids(receivers: StartReceiver) -> None:
    """The judge itself is judged: an over-long line and a bare LF do not go unseen."""
    server: Receiver = receivers()

    async def go() -> None:
        session = await open_session(server)
        await session.send(envelope(1, data=b"x" * 999 + b"\r\nand\nbare\r\n"))
        await session.quit()

    run(go)
    assert len(server.violations()) == 2
