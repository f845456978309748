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
from delivery.smtp.deadline import Deadline
from delivery.smtp.faults import Fault
from delivery.smtp.flight import Flight, unanswered
from delivery.smtp.replies import Phase, ProtocolError, Reply, read, scan
from delivery.smtp.timeouts import Timeouts

BeforeDot = Callable[[int], bool | None]
OnReply = Callable[[int, Reply], None]
Pull = Callable[[], Envelope | None]


class Pipeline(asyncio.Protocol):
    """The machine inside a `Session`: what is written when, and what each reply means for which message."""

    def __init__(self, can: Capabilities, timeouts: Timeouts) -> None:
        self.can, self.timeouts = can, timeouts
        self.messages = 0  # envelopes answered so far, whatever the answer
        self.before_dot: BeforeDot = lambda _id: None
        self.on_reply: OnReply = lambda _id, _reply: None
        self.on_close: Callable[[Reply], None] = lambda _reason: None
        self.pull: Pull | None = None
        self.ended: Reply | None = None  # why the connection is over
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._waiting: deque[Envelope] = deque()
        self._awaited: deque[tuple[Phase | None, Flight | None]] = deque()  # a None phase: RSET or QUIT
        self._buffer = b""
        self._deadline = Deadline(self._loop, self._late)
        self._reset = False  # the server may still hold a MAIL that led nowhere
        self._surplus = False  # bytes have come that answer no command
        self._choosing = False
        self._told: Flight | None = None
        self._change: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._unwritten = 0  # octets the transport could not write yet; 0 unless it is stuck
        self._limits = {
            Phase.MAIL: timeouts.mail, Phase.RCPT: timeouts.rcpt, Phase.DATA: timeouts.data,
            Phase.DOT: timeouts.dot, None: timeouts.mail,
        }  # fmt: skip

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
        self._expect(self._loop.time())

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

    def _next(self) -> Flight | None:
        """The next envelope that this server can take; those it cannot are answered on the way."""
        self._choosing = True
        try:
            while not self.ended:
                envelope = self._waiting.popleft() if self._waiting else self.pull() if self.pull else None
                if envelope is None:
                    return None
                lines = opening(envelope, self.can)
                if not isinstance(lines, Reply):
                    return Flight(envelope, *lines)
                self._answer(Flight(envelope, b"", b""), lines)
        finally:
            self._choosing = False
        return None

    def _say(self, command: bytes, phase: Phase, flight: Flight) -> None:
        """Write one command. Nothing is owed at this point: what came too much would answer it wrongly."""
        self._awaited.append((phase, flight))
        if self._surplus:
            raise ProtocolError("more replies than commands")
        self._transport.write(command)

    def _take(self, phase: Phase | None, flight: Flight | None, code: int, raw: bytes, now: float) -> None:
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

    def _after_reset(self, flight: Flight | None, code: int) -> None:
        """RSET or QUIT has been answered."""
        if flight:  # without PIPELINING, its MAIL has waited for this
            self._say(flight.mail, Phase.MAIL, flight)
        if code >= 400 and self._awaited:
            raise ProtocolError(f"{code} is no answer to RSET")
        self._wake()

    def _after_path(self, phase: Phase, flight: Flight, code: int, raw: bytes) -> None:
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

    def _after_data(self, flight: Flight, code: int, raw: bytes) -> None:
        """DATA has been answered: the text follows, or a lone dot, or nothing."""
        if code >= 400:
            self._reset = flight.refusal is None or flight.refusal.phase is Phase.RCPT
            self._finish(flight, flight.refusal or read(raw, Phase.DATA))
        elif flight.refusal:
            self._say(b".\r\n", Phase.DOT, flight)  # 354 without a recipient (RFC 2920, 3.1)
        elif code >= 300:
            self._text(flight)

    def _text(self, flight: Flight) -> None:
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

    def _finish(self, flight: Flight, reply: Reply) -> None:
        """This message is over; the next one begins if its group is not under way already."""
        self._answer(flight, reply)
        self._begin()

    def _answer(self, flight: Flight, reply: Reply) -> None:
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

    def abort(self) -> None:
        """Close at once. What had its dot becomes uncertain, the rest comes back."""
        self._end(Fault.WITHDRAWN.reply(Phase.CONNECT))

    def _closing(self, phase: Phase | None, flight: Flight | None, raw: bytes, now: float) -> None:
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
             first: tuple[Flight, Reply] | None = None) -> None:  # fmt: skip
        """Close, once, and answer everything that is still open, in order."""
        if self.ended:
            return
        self.ended = reason
        self._deadline.stop()
        open_flights: dict[Flight, Phase] = {}
        for phase, flight in self._awaited:
            if flight:
                open_flights.setdefault(flight, phase or Phase.MAIL)
        waiting, self._waiting, self._awaited = self._waiting, deque(), deque()
        self._transport.close() if fault is Fault.WITHDRAWN else self._transport.abort()
        if first:
            self._answer(*first)
        for flight, phase in open_flights.items():
            self._answer(flight, flight.refusal or unanswered(phase, fault, reason, detail))
        for envelope in waiting:
            self._answer(Flight(envelope, b"", b""), unanswered(Phase.MAIL, Fault.WITHDRAWN, reason, ""))
        self._wake()
        self.on_close(reason)

    # Time.

    def _expect(self, now: float) -> None:
        """The reply that is due next has its whole time from now on; before it, what is still being written."""
        if self._unwritten:
            self._deadline.set(now + self.timeouts.block)
        elif self._awaited:
            self._deadline.set(now + self._limits[self._awaited[0][0]])
        elif self._buffer:
            self._deadline.set(now + self.timeouts.mail)
        else:
            self._deadline.clear()

    def _late(self, now: float) -> None:
        left = self._transport.get_write_buffer_size() if self._unwritten else 0
        if left < self._unwritten:  # a long message on a slow line, but it moves
            self._unwritten = left
            self._deadline.set(now + self.timeouts.block)
        else:
            self._end(Fault.TIMEOUT.reply(Phase.CONNECT), Fault.TIMEOUT)
