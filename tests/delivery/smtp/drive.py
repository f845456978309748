"""Drives the client against a receiver, as a worker does, and says what came of each message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import uvloop

from delivery.smtp.client import Endpoint, connect
from delivery.smtp.commands import Envelope
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts
from delivery.smtp.transcript import Transcript
from tests.servers.receiver import Receiver

# What became of a message, in one letter, for tables of cases.
D, F, L, R, U = Ending.DELIVERED, Ending.FAILED, Ending.DEFERRED, Ending.RETURNED, Ending.UNCERTAIN
THREE = ("one@example.net", "two@example.net", "three@example.net")
NOT_PIPELINED = ["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
USERS = {"users": {"shirase": "right"}}
T = TypeVar("T")
QUICK = replace(Timeouts().scaled(1 / 300), connect=10.0)  # the dot has two seconds, MAIL and RCPT one


@dataclass
class Told:
    """Everything the client said, in order."""

    replies: dict[int, Reply] = field(default_factory=dict)
    transcripts: dict[int, Transcript] = field(default_factory=dict)
    dots: list[int] = field(default_factory=list)
    over: Reply | None = None

    @property
    def endings(self) -> list[Ending]:
        return [ending(reply) for _, reply in sorted(self.replies.items())]


def envelope(number: int, rcpt: str = "", data: bytes = b"") -> Envelope:
    data = data or b"Subject: a letter\r\nX-Shirase-Ref: t%d\r\n\r\nHello\r\n" % number
    return Envelope(number, f"b-{number}@bounce.example.jp", rcpt or f"user{number}@example.net", data)


def run(made: Callable[[], Coroutine[Any, Any, T]], *, loop: str = "uvloop") -> T:
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(made())


async def open_session(receiver: Receiver, timeouts: Timeouts = QUICK, **endpoint: Any) -> Session:
    session = await connect(Endpoint(receiver.host, receiver.port, **endpoint), timeouts)
    assert isinstance(session, Session), session
    return session


def listen(session: Session, told: Told) -> None:
    def on_reply(message: int, reply: Reply) -> None:
        assert message not in told.replies, "answered twice"
        told.replies[message] = reply
        told.transcripts[message] = session.transcript()

    session.on_reply = on_reply
    session.before_dot = told.dots.append


def deliver(receiver: Receiver, *rcpts: str, timeouts: Timeouts = QUICK, loop: str = "uvloop",
            before_dot: Callable[[int], bool | None] | None = None, **endpoint: Any) -> Told:  # fmt: skip
    """Send one message to each over one connection, which pulls them."""
    told = Told()

    async def go() -> None:
        session = await open_session(receiver, timeouts, **endpoint)
        listen(session, told)
        if before_dot:
            session.before_dot = before_dot
        left = [envelope(number, rcpt) for number, rcpt in enumerate(rcpts, 1)]
        session.pull = lambda: left.pop(0) if left else None
        session.nudge()
        async with asyncio.timeout(30):
            while not session.ended and not (session.idle and not left):
                await session.changed()
            told.over = session.ended
            await session.quit()

    run(go, loop=loop)
    return told


def open_and_send(server: Receiver | int, timeouts: Timeouts = QUICK, *, loop: str = "uvloop", plain: bool = False,
                  **endpoint: object) -> Session | Reply:  # fmt: skip
    """Open, send one message if that worked, and close."""
    port = server if isinstance(server, int) else server.port

    async def go() -> Session | Reply:
        made = Endpoint(**({"host": "127.0.0.1", "port": port} | endpoint))  # type: ignore[arg-type]
        session = await connect(made, timeouts, plain=plain)
        if isinstance(session, Session):
            assert (await session.send(envelope(1))).code == 250
            await session.quit()
        return session

    return run(go, loop=loop)


def failed(opened: Session | Reply, fault: Fault | str, phase: Phase) -> Reply:
    assert isinstance(opened, Reply)
    assert (opened.synthetic, opened.phase) == (fault, phase)
    assert ending(opened) in (Ending.RETURNED, Ending.DEFERRED)
    return opened
