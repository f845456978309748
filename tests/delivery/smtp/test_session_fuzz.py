"""Whatever a server says, in whatever pieces: each message is answered once, and nothing is invented."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.smtp.commands import Capabilities
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts

from .drive import envelope

LINES = st.sampled_from(
    [
        b"250 2.1.0 OK\r\n", b"250 2.1.5 OK\r\n", b"354 go\r\n", b"250 2.0.0 queued\r\n", b"250\r\n",
        b"550 5.1.1 no\r\n", b"450 4.2.0 later\r\n", b"421 4.3.2 closing\r\n", b"250-a\r\n250 b\r\n", b"554 no\r\n",
        b"garbage\r\n", b"250-a\r\n251 b\r\n", b"220 hello\r\n", b"999 what\r\n", b"2", b"\r\n",
    ]
)  # fmt: skip
GOOD = st.just(b"250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 go\r\n")


class Wire(asyncio.Transport):
    """Keeps what is written; closes when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(GOOD, LINES), max_size=25).map(b"".join),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
    st.booleans(),
)
def test_each_message_is_answered_once(said: bytes, cuts: list[int], pipelining: bool) -> None:
    answers: dict[int, Reply] = {}
    dots: list[int] = []
    pulled: list[int] = []

    def on_reply(message: int, reply: Reply) -> None:
        assert message not in answers
        answers[message] = reply

    async def go() -> bytes:
        session = Session(host="mx", can=Capabilities(pipelining=pipelining), timeouts=Timeouts())
        wire = Wire()
        session.take_over(wire)
        session.before_dot, session.on_reply = dots.append, on_reply

        def pull() -> object:
            pulled.append(len(pulled) + 1)
            return envelope(len(pulled)) if len(pulled) <= 6 else None

        session.pull = pull  # type: ignore[assignment]
        session.nudge()
        at = turn = 0
        while at < len(said) and not session.ended:
            size = cuts[turn % len(cuts)]
            session.data_received(said[at : at + size])
            at, turn = at + size, turn + 1
        session.connection_lost(None)
        assert session.ended
        return bytes(wire.written)

    with asyncio.Runner() as runner:
        written = runner.run(go())
    taken = set(range(1, min(len(pulled), 6) + 1))
    assert set(answers) == taken
    endings = {message: ending(reply) for message, reply in answers.items()}
    assert {message for message, end in endings.items() if end in (Ending.DELIVERED, Ending.UNCERTAIN)} <= set(dots)
    assert sum(end is Ending.UNCERTAIN for end in endings.values()) <= 1
    assert len(set(dots)) == len(dots) == written.count(b"Hello\r\n.\r\n")
    for message, reply in answers.items():
        if message in dots:
            assert reply.phase is Phase.DOT
        elif endings[message] is Ending.RETURNED and reply.synthetic:
            assert reply.synthetic in (Fault.DROPPED, Fault.PROTOCOL_ERROR, Fault.WITHDRAWN)
