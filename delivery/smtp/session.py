"""One open connection to a mail server, as its users see it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from delivery.smtp.commands import Capabilities, Envelope
from delivery.smtp.faults import Fault
from delivery.smtp.flight import Flight
from delivery.smtp.pipeline import Pipeline
from delivery.smtp.replies import Phase, Reply, read
from delivery.smtp.timeouts import Timeouts
from delivery.smtp.transcript import Milestone, Transcript

AHEAD = 2  # envelopes taken at once: one at its dot, one behind it


class Session(Pipeline):
    """One open connection. Made by `client.connect`; everything happens in its event loop.

    Give it work either by `submit` (while `room` > 0) or by `pull`, which is asked for the next
    envelope whenever one can be written and answers None when there is none now (`nudge` asks again).

    `before_dot(id)` is called right before the message's text and final dot are handed to the
    transport: the journal writes its line there. If it answers False or raises, the dot is not sent:
    the connection is closed and the message comes back as `withdrawn` (no attempt).
    `on_reply(id, reply)` is called exactly once per envelope; inside it `transcript()` is that
    message's dialogue. `faults.ending(reply)` says what the reply means.
    """

    def __init__(self, *, host: str, port: int = 25, can: Capabilities, timeouts: Timeouts,
                 ehlo_name: str = "", address: str = "", tls: str = "", banner: str = "") -> None:  # fmt: skip
        super().__init__(can, timeouts)
        self.host, self.port = host, port
        self.ehlo_name, self.address, self.tls, self.banner = ehlo_name, address, tls, banner
        self.note = ""  # a remark for the dialogue

    def take_over(self, transport: Any) -> None:
        """Become the protocol of an open transport."""
        self._transport = transport
        transport.set_protocol(self)

    @property
    def room(self) -> int:
        """How many envelopes may be submitted now; 0 when the connection is over."""
        if self.ended:
            return 0
        flights = len({id(flight) for _, flight in self._awaited if flight})
        return max(0, AHEAD - flights - len(self._waiting))

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits."""
        return not self._awaited and not self._waiting

    def submit(self, envelope: Envelope) -> None:
        """Send this one as soon as the protocol allows. Its answer comes by `on_reply`."""
        if self.ended:
            self._answer(Flight(envelope, b"", b""), Fault.WITHDRAWN.reply(Phase.MAIL))
            return
        self._waiting.append(envelope)
        self._begin()

    def nudge(self) -> None:
        """There may be something to pull again."""
        self._begin()

    async def changed(self) -> None:
        """Returns after the next answer, or when the connection is over."""
        if self.ended:
            return
        if self._change is None:
            self._change = self._loop.create_future()
        await asyncio.shield(self._change)

    async def send(self, envelope: Envelope) -> Reply:
        """The simple form: one message, its answer. Not to be mixed with `pull`."""
        answer: asyncio.Future[Reply] = self._loop.create_future()
        before = self.on_reply

        def on_reply(message: int, reply: Reply) -> None:
            before(message, reply)
            if message == envelope.id and not answer.done():
                answer.set_result(reply)

        self.on_reply = on_reply
        try:
            self.submit(envelope)
            return await answer
        finally:
            self.on_reply = before

    async def quit(self) -> None:
        """Finish what is under way (a dot has its ten minutes), say QUIT, close."""
        self.pull = None
        while not self.ended and not self.idle:
            await self.changed()
        if self.ended:
            return
        self._awaited.append((None, None))
        self._transport.write(b"QUIT\r\n")
        self._deadline.set(self._loop.time() + self.timeouts.quit)
        await self.changed()
        self._end(Fault.WITHDRAWN.reply(Phase.CONNECT))
        await self.gone()

    async def gone(self) -> None:
        """Returns when a connection that has ended is closed."""
        await asyncio.wait([self._gone], timeout=self.timeouts.quit)
        self._transport.abort()  # a TLS peer may keep its close_notify to itself

    def connection(self) -> Transcript:
        """What the connection is: all that is kept of a delivered message's dialogue, beside its final reply."""
        return Transcript(
            host=self.host, address=self.address, port=self.port, tls=self.tls, ehlo_name=self.ehlo_name,
            note=self.note,
        )  # fmt: skip

    def transcript(self) -> Transcript:
        """Inside `on_reply`: the dialogue of the message that is being answered."""
        flight = self._told
        if flight is None:
            raise RuntimeError("transcript() belongs inside on_reply")
        milestones = tuple(
            Milestone(max(0.0, at - flight.began), phase, str(read(raw, phase))) for at, phase, raw in flight.milestones
        )
        return replace(self.connection(), earlier=self.messages, octets=flight.octets, milestones=milestones)
