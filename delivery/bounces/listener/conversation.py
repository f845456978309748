"""One connection to the listener: SMTP, or LMTP when it says LHLO (RFC 2033)."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable

from delivery.bounces.listener.hall import Hall
from delivery.bounces.taking import told_apart
from delivery.smtp.server import Answer, Conversation

LAST_WORDS_SECONDS = 10.0  # until a connection that we end is cut
PAUSE_SECONDS = 5.0

_SIZE = re.compile(rb"(?:^|\s)SIZE=(\d{1,20})(?:\s|$)", re.IGNORECASE)
_FULL = b"421 4.3.2 Too many connections; come again"
_AWAY = b"451 4.3.0 Cannot be stored now; come again"


class Reception(Conversation):
    """Takes what is addressed to us, and says 250 once it is committed."""

    def __init__(self, hall: Hall, *, name: str, tls: ssl.SSLContext | None, lmtp: bool) -> None:
        super().__init__()
        self.hall, self.name, self.tls = hall, name, tls
        self.message_limit = hall.bounds.message
        self._may_lmtp, self._lmtp = lmtp, False
        self._peer = ""
        self._commands = self._held = self._in_hand = 0
        self._opened = self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # What is said.

    def greet(self) -> Answer:
        self._peer = str((self.transport.get_extra_info("peername") or ("",))[0])
        loop = asyncio.get_running_loop()
        self._opened = loop.time()
        self._wait(self.hall.bounds.command_seconds)
        self._timer = loop.call_at(self._due, self._look_at_the_clock)
        if not self.hall.enter(self, self._peer):
            return _FULL
        return b"220 " + self.name.encode() + b" ESMTP; bounces and reports only"

    def answer(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        self._commands += 1
        if self._commands > self.hall.bounds.commands:
            return b"421 4.7.0 Too many commands without a message"
        return super().answer(verb, argument)

    def hello(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        self._lmtp = verb == b"LHLO"
        return super().hello(verb, argument)

    def other(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        if verb == b"LHLO" and self._may_lmtp:
            return self.hello(verb, argument)
        return b"252 2.1.5 Send it, and see" if verb == b"VRFY" else super().other(verb, argument)

    def mail(self, address: str, parameters: bytes) -> Answer:
        if not self.greeted:
            return b"503 5.5.1 Say EHLO first"
        size = _SIZE.search(parameters)
        if size and int(size[1]) > self.message_limit:
            return b"552 5.3.4 Too big"
        return b"250 2.1.0 OK"

    def rcpt(self, address: str) -> Answer | Awaitable[Answer]:
        if len(self.rcpts) > self.hall.bounds.recipients:
            return b"452 4.5.3 Too many recipients"
        ours = self.hall.is_ours(address)
        return self._look(address) if ours is None else _taken_for(ours)

    async def _look(self, address: str) -> Answer:
        if not await self.hall.look():
            return _AWAY
        return _taken_for(bool(self.hall.is_ours(address)))

    def data(self) -> Answer:
        if not self.rcpts:
            return b"503 5.5.1 No valid recipients"
        if self.waiting:
            # Whoever sends the letter before it is asked for may be somebody else's letter (smuggling).
            return b"421 4.5.0 Wait for 354 before you send"
        return b"354 End with <CRLF>.<CRLF>"

    def message(self, data: bytes) -> Answer | Awaitable[Answer]:
        if data.endswith(b"\r\r\n"):
            # CR CRLF.CRLF: whether that is an end, servers disagree. Then what follows is obeyed by nobody.
            self.closing = True
            return b"554 5.6.0 A line ends in CR CRLF"
        self._commands, self._in_hand = 0, len(data)
        self._wait(self.hall.bounds.command_seconds)
        return self._take(data)

    def too_big(self) -> Answer:
        answer = super().too_big()
        return b"\r\n".join([answer or b""] * (len(self.rcpts) if self._lmtp else 1))

    async def _take(self, data: bytes) -> Answer:
        # One after another: a mail to many must not take all threads.
        stored = [await self.hall.take(data, rcpt, self._peer) for rcpt in told_apart(self.rcpts)]
        self._in_hand = 0
        self._hold(self.waiting)
        told = [all(stored)] * (len(self.rcpts) if self._lmtp else 1)
        return b"\r\n".join(b"250 2.0.0 Stored" if done else _AWAY for done in told)

    # What bounds it.

    def line_seen(self, line: bytes) -> None:
        bounds = self.hall.bounds
        self._wait(bounds.message_seconds if line[:4].upper() == b"DATA" else bounds.command_seconds)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._hold(self.waiting + self._in_hand)
        if self.hall.held > self.hall.bounds.held and self.in_data and not self.closing:
            self._say_last(b"421 4.3.1 Too much at once; come again")

    def _hold(self, octets: int) -> None:
        self.hall.held += octets - self._held
        self._held = octets

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer:
            self._timer.cancel()
        self._hold(0)
        self.hall.leave(self, self._peer)

    def end_when_idle(self) -> None:
        """Told to come again, unless it is in the middle of a message."""
        if not (self.in_data or self.storing or self.closing):
            self._say_last(b"421 4.3.2 Going down; come again")

    def _say_last(self, answer: bytes) -> None:
        self.say(answer)
        self._wait(LAST_WORDS_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._due = asyncio.get_running_loop().time() + seconds

    def _look_at_the_clock(self) -> None:
        """One timer a connection, moved on when it rings too early."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        over = now >= self._due or now >= self._opened + self.hall.bounds.session_seconds
        if over and self.closing:
            self.transport.abort()
            return
        if over and not self.storing:
            self._say_last(b"421 4.4.2 Too slow")
        self._timer = loop.call_at(max(self._due, now + PAUSE_SECONDS * bool(over)), self._look_at_the_clock)


def _taken_for(ours: bool) -> bytes:
    return b"250 2.1.5 OK" if ours else b"550 5.1.1 No such address here; this server takes bounces and reports only"
