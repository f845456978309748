"""The pipelined SMTP dialogue over a connection that is already open, secured and signed in.

MAIL, RCPT and DATA of a message go out in one write, and the next message's group behind the dot of
the one before (RFC 2920, 3.1), so that a message costs one round trip and one packet each way. So at
most one dot is ever unanswered on a connection. Without PIPELINING the same protocol waits for each
reply. RSET is never written behind a DATA that is unanswered: there it would be message text.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from delivery.smtp.commands import Capabilities, Envelope, body, opening
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, ProtocolError, Reply, read, scan
from delivery.smtp.timeouts import Timeouts
from delivery.smtp.transcript import Milestone, Transcript

AHEAD = 2  # envelopes taken at once: one at its dot, one behind it

BeforeDot = Callable[[int], bool | None]
OnReply = Callable[[int, Reply], None]
Pull = Callable[[], Envelope | None]


class _Flight:
    """One envelope under way. `milestones` holds (time, phase, raw reply): decoded only if it matters."""

    __slots__ = ("began", "envelope", "mail", "milestones", "octets", "rcpt", "refusal")

    def __init__(self, envelope: Envelope, mail: bytes, rcpt: bytes) -> None:
        self.envelope, self.mail, self.rcpt = envelope, mail, rcpt
        self.refusal: Reply | None = None
        self.milestones: list[tuple[float, Phase, bytes]] = []
        self.began = 0.0
        self.octets = 0


class Session(asyncio.Protocol):
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
        self.host, self.port, self.can, self.timeouts = host, port, can, timeouts
        self.ehlo_name, self.address, self.tls, self.banner = ehlo_name, address, tls, banner
        self.messages = 0  # envelopes answered so far, whatever the answer
        self.before_dot: BeforeDot = lambda _id: None
        self.on_reply: OnReply = lambda _id, _reply: None
        self.on_close: Callable[[Reply], None] = lambda _reason: None
        self.pull: Pull | None = None
        self.ended: Reply | None = None  # why the connection is over
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._waiting: deque[Envelope] = deque()
        self._awaited: deque[tuple[Phase | None, _Flight | None]] = deque()  # a None phase: RSET or QUIT
        self._buffer = b""
        self._deadline = self._rings_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._reset = False  # the server may still hold a MAIL that led nowhere
        self._surplus = False  # bytes have come that answer no command
        self._choosing = False
        self._told: _Flight | None = None
        self._change: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._unwritten = 0  # octets the transport could not write yet; 0 unless it is stuck
        self._limits = {
            Phase.MAIL: timeouts.mail, Phase.RCPT: timeouts.rcpt, Phase.DATA: timeouts.data,
            Phase.DOT: timeouts.dot, None: timeouts.mail,
        }  # fmt: skip

    # What callers do.

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
            self._answer(_Flight(envelope, b"", b""), Fault.WITHDRAWN.reply(Phase.MAIL))
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
        self._ring(self._loop.time() + self.timeouts.quit)
        await self.changed()
        self._end(Fault.WITHDRAWN.reply(Phase.CONNECT))
        await asyncio.wait([self._gone], timeout=self.timeouts.quit)
        self._transport.abort()  # a TLS peer may keep its close_notify to itself

    def abort(self) -> None:
        """Close at once. What had its dot becomes uncertain, the rest comes back."""
        self._end(Fault.WITHDRAWN.reply(Phase.CONNECT))

    def transcript(self) -> Transcript:
        """Inside `on_reply`: the dialogue of the message that is being answered."""
        flight = self._told
        if flight is None:
            raise RuntimeError("transcript() belongs inside on_reply")
        milestones = tuple(
            Milestone(max(0.0, at - flight.began), phase, str(read(raw, phase))) for at, phase, raw in flight.milestones
        )
        return Transcript(
            host=self.host, address=self.address, port=self.port, tls=self.tls, ehlo_name=self.ehlo_name,
            earlier=self.messages, octets=flight.octets, milestones=milestones,
        )  # fmt: skip

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, now, size = 0, self._loop.time(), len(buffer)
        try:
            while at < size and not self.ended:
                code, end = scan(buffer, at)
                if not code:
                    break
                raw, at = buffer[at:end], end
                if not self._awaited:
                    self._unasked(raw)
                    return
                phase, flight = self._awaited.popleft()
                self._surplus = at < size and not self._awaited
                self._take(phase, flight, code, raw, now)
        except ProtocolError as wrong:
            self._end(Fault.PROTOCOL_ERROR.reply(Phase.CONNECT, str(wrong)), Fault.PROTOCOL_ERROR, str(wrong))
        self._buffer = buffer[at:]
        if at and not self.ended:  # a part of a reply moves no deadline
            self._expect(now)

    def eof_received(self) -> bool:
        self._end(Fault.DROPPED.reply(Phase.CONNECT), Fault.DROPPED)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self._end(Fault.DROPPED.reply(Phase.CONNECT, str(exc or "")), Fault.DROPPED, str(exc or ""))

    def pause_writing(self) -> None:
        self._unwritten = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        self._unwritten = 0
        self._expect(self._loop.time())

    # The dialogue.

    def _begin(self) -> None:
        """Start the next message, unless something is under way that will."""
        if self._awaited or self._choosing or self._surplus or self.ended:
            return
        group = self._group()
        if group:
            self._transport.write(group)
            self._expect(self._loop.time())

    def _group(self) -> bytes:
        """The first commands of the next message, noted as awaited; empty if there is none."""
        flight = self._next()
        if flight is None:
            return b""
        flight.began = self._loop.time()
        reset, self._reset = b"RSET\r\n" if self._reset else b"", False
        if not self.can.pipelining:
            self._awaited.append((None if reset else Phase.MAIL, flight))
            return reset or flight.mail
        if reset:
            self._awaited.append((None, None))
        self._awaited.extend(((Phase.MAIL, flight), (Phase.RCPT, flight), (Phase.DATA, flight)))
        return reset + flight.mail + flight.rcpt + b"DATA\r\n"

    def _next(self) -> _Flight | None:
        """The next envelope that this server can take; those it cannot are answered on the way."""
        self._choosing = True
        try:
            while not self.ended:
                envelope = self._waiting.popleft() if self._waiting else self.pull() if self.pull else None
                if envelope is None:
                    return None
                lines = opening(envelope, self.can)
                if not isinstance(lines, Reply):
                    return _Flight(envelope, *lines)
                self._answer(_Flight(envelope, b"", b""), lines)
        finally:
            self._choosing = False
        return None

    def _say(self, command: bytes, phase: Phase, flight: _Flight) -> None:
        """Write one command. Nothing is owed at this point: what came too much would answer it wrongly."""
        self._awaited.append((phase, flight))
        if self._surplus:
            raise ProtocolError("more replies than commands")
        self._transport.write(command)

    def _take(self, phase: Phase | None, flight: _Flight | None, code: int, raw: bytes, now: float) -> None:
        """One reply to one command."""
        if code == 421:
            self._closing(phase, flight, raw, now)
        elif phase is None or flight is None:
            self._after_reset(flight, code)
        elif phase is Phase.DOT and flight.refusal:  # the answer to a lone dot
            self._finish(flight, flight.refusal)
        else:
            flight.milestones.append((now, phase, raw))
            if code < 400 and (code >= 300) != (phase is Phase.DATA) and not flight.refusal:
                self._awaited.appendleft((phase, flight))
                raise ProtocolError(f"{code} is no answer to {phase.value.upper()}")
            if phase is Phase.DATA:
                self._after_data(flight, code, raw)
            elif phase is Phase.DOT:
                self._finish(flight, read(raw, phase))
            else:
                self._after_path(phase, flight, code, raw)

    def _after_reset(self, flight: _Flight | None, code: int) -> None:
        """RSET or QUIT has been answered."""
        if flight:  # without PIPELINING, its MAIL has waited for this
            self._say(flight.mail, Phase.MAIL, flight)
        if code >= 400 and self._awaited:
            raise ProtocolError(f"{code} is no answer to RSET")
        self._wake()

    def _after_path(self, phase: Phase, flight: _Flight, code: int, raw: bytes) -> None:
        """MAIL or RCPT has been answered."""
        if code >= 400 and flight.refusal is None:
            flight.refusal = read(raw, phase)
        if self.can.pipelining:
            return
        if flight.refusal:
            self._reset = phase is Phase.RCPT
            self._finish(flight, flight.refusal)
        elif phase is Phase.MAIL:
            self._say(flight.rcpt, Phase.RCPT, flight)
        else:
            self._say(b"DATA\r\n", Phase.DATA, flight)

    def _after_data(self, flight: _Flight, code: int, raw: bytes) -> None:
        """DATA has been answered: the text follows, or a lone dot, or nothing."""
        if code >= 400:
            self._reset = flight.refusal is None or flight.refusal.phase is Phase.RCPT
            self._finish(flight, flight.refusal or read(raw, Phase.DATA))
        elif flight.refusal:
            self._say(b".\r\n", Phase.DOT, flight)  # 354 without a recipient (RFC 2920, 3.1)
        elif code >= 300:
            self._text(flight)

    def _text(self, flight: _Flight) -> None:
        """Write the message, its dot, and the next group behind it."""
        self._awaited.append((Phase.DATA, flight))
        if self._surplus:
            raise ProtocolError("more replies than commands")
        text = body(flight.envelope.data)
        if not self._may_send(flight.envelope.id):
            return
        self._awaited[0] = (Phase.DOT, flight)
        flight.octets = len(text) - 3
        self._transport.write(text + self._group() if self.can.pipelining else text)

    def _may_send(self, message: int) -> bool:
        """Ask before the dot. A DATA that is open can only be left by closing the connection."""
        try:
            if self.before_dot(message) is not False:
                return True
        except Exception:
            self.abort()
            raise
        self.abort()
        return False

    def _finish(self, flight: _Flight, reply: Reply) -> None:
        """This message is over; the next one begins if its group is not under way already."""
        self._answer(flight, reply)
        self._begin()

    def _answer(self, flight: _Flight, reply: Reply) -> None:
        self._told = flight
        try:
            self.on_reply(flight.envelope.id, reply)
        finally:
            self._told = None
            self.messages += 1
            self._wake()

    def _wake(self) -> None:
        if self._change is not None:
            change, self._change = self._change, None
            if not change.done():
                change.set_result(None)

    # How it ends.

    def _closing(self, phase: Phase | None, flight: _Flight | None, raw: bytes, now: float) -> None:
        """421: the server closes, now or in a moment. Whoever it was said to hears it, the others come back."""
        reason = read(raw, phase or Phase.MAIL)
        if flight:
            flight.milestones.append((now, reason.phase, raw))
            self._awaited = deque(pair for pair in self._awaited if pair[1] is not flight)
        self._end(reason, first=(flight, flight.refusal or reason) if flight else None)

    def _unasked(self, raw: bytes) -> None:
        """A reply that nobody asked for. 421 before an idle close is allowed (RFC 5321, 3.8)."""
        reply = read(raw, Phase.CONNECT)
        self._end(reply if reply.code == 421 else Fault.PROTOCOL_ERROR.reply(Phase.CONNECT, str(reply)))

    def _end(self, reason: Reply, fault: Fault = Fault.WITHDRAWN, detail: str = "", *,
             first: tuple[_Flight, Reply] | None = None) -> None:  # fmt: skip
        """Close, once, and answer everything that is still open, in order."""
        if self.ended:
            return
        self.ended = reason
        if self._timer:
            self._timer.cancel()
        open_flights: dict[_Flight, Phase] = {}
        for phase, flight in self._awaited:
            if flight:
                open_flights.setdefault(flight, phase or Phase.MAIL)
        waiting, self._waiting, self._awaited = self._waiting, deque(), deque()
        self._transport.close() if fault is Fault.WITHDRAWN else self._transport.abort()
        if first:
            self._answer(*first)
        for flight, phase in open_flights.items():
            self._answer(flight, flight.refusal or _unanswered(phase, fault, reason, detail))
        for envelope in waiting:
            self._answer(_Flight(envelope, b"", b""), _unanswered(Phase.MAIL, Fault.WITHDRAWN, reason, ""))
        self._wake()
        self.on_close(reason)

    # Deadlines: one timer a connection, set anew only when it rings or must ring sooner.

    def _expect(self, now: float) -> None:
        """The reply that is due next has its whole time from now on."""
        if self._awaited:
            self._ring(now + self._limits[self._awaited[0][0]])
        elif self._buffer:
            self._ring(now + self.timeouts.mail)
        else:
            self._deadline = 0.0

    def _ring(self, at: float) -> None:
        self._deadline = at
        if self._timer is None or at < self._rings_at:
            if self._timer:
                self._timer.cancel()
            self._rings_at, self._timer = at, self._loop.call_at(at, self._check)

    def _check(self) -> None:
        self._timer = None
        if self.ended or not self._deadline:
            return
        now, left = self._loop.time(), self._transport.get_write_buffer_size() if self._unwritten else 0
        if now < self._deadline:
            self._ring(self._deadline)
        elif left < self._unwritten:  # a long message on a slow line, but it moves
            self._unwritten = left
            self._ring(now + self.timeouts.block)
        else:
            self._end(Fault.TIMEOUT.reply(Phase.CONNECT), Fault.TIMEOUT)


def _unanswered(phase: Phase, fault: Fault, reason: Reply, detail: str) -> Reply:
    """What becomes of a message whose connection ended while `phase` was awaited."""
    if phase is Phase.DOT:
        return _AFTER_DOT.get(fault, Fault.DROPPED_AFTER_DOT).reply(phase, detail)
    if fault is Fault.WITHDRAWN and not reason.synthetic:  # 421 to the message before: nothing was said about this one
        return Reply(reason.code, reason.text, reason.status, Phase.MAIL)
    return fault.reply(phase, detail)


_AFTER_DOT = {Fault.TIMEOUT: Fault.TIMEOUT_AFTER_DOT, Fault.PROTOCOL_ERROR: Fault.PROTOCOL_ERROR}
