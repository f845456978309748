"""The receiving half of an SMTP dialogue, pipelined; what is answered is decided by a subclass.

aiosmtpd cannot PIPELINE, and a receiver without it would be the slowest part of a sandbox send.
Only CRLF.CRLF ends a message (SMTP smuggling); a bare CR or LF is left for the subclass to judge. What is too big is
read to its end, so that the peer gets its 552, and kept nowhere.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable
from typing import Any

COMMAND_LIMIT = 2048  # octets; RFC 5321 asks for 512, SIZE, SMTPUTF8 and AUTH add to it
WAITING_LIMIT = 256 * 1024  # octets that may wait for an answer of ours; the peer's further ones stay with it
HANDSHAKE_SECONDS = 30.0
END = b"\r\n.\r\n"

Answer = bytes | None  # one reply line without CRLF (or several joined by CRLF); None: close without a word
_PATH = re.compile(rb"(?:FROM|TO):\s*<([^>]*)>\s*(.*)", re.IGNORECASE)


class Conversation(asyncio.Protocol):
    """One connection. Answers may be awaitables: what the peer has sent meanwhile waits for them."""

    name = "localhost"
    message_limit = 50_000_000
    tls: ssl.SSLContext | None = None  # STARTTLS is offered with it

    def __init__(self) -> None:
        self.transport: Any = None
        self.mail_from: str | None = None
        self.rcpts: list[str] = []
        self.in_data = False
        self.closing = self.secured = self.greeted = False
        self._buffer = bytearray()
        self._searched = 0
        self._too_big = False
        self._out: list[bytes] = []
        self._pending: asyncio.Future[Answer] | None = None

    # For subclasses: each returns an Answer or an awaitable of one.

    def greet(self) -> Answer | Awaitable[Answer]:
        return b"220 " + self.name.encode() + b" ESMTP"

    def extensions(self) -> list[bytes]:
        offered = [b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"SIZE %d" % self.message_limit]
        return [*offered, b"STARTTLS"] if self.tls and not self.secured else offered

    def hello(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        self.reset()
        self.greeted = True
        if verb == b"HELO":
            return b"250 " + self.name.encode()
        lines = [self.name.encode(), *self.extensions()]
        return b"\r\n".join(b"250-" + line for line in lines[:-1]) + b"\r\n250 " + lines[-1]

    def mail(self, address: str, parameters: bytes) -> Answer | Awaitable[Answer]:
        return b"250 2.1.0 OK"

    def rcpt(self, address: str) -> Answer | Awaitable[Answer]:
        return b"250 2.1.5 OK"

    def data(self) -> Answer | Awaitable[Answer]:
        return b"354 End with <CRLF>.<CRLF>"

    def message(self, data: bytes) -> Answer | Awaitable[Answer]:
        """`data` is what was sent, dots unstuffed; mail_from and rcpts are its envelope."""
        return b"250 2.0.0 OK"

    def too_big(self) -> Answer:
        """Instead of `message`, for one beyond message_limit."""
        return b"552 5.3.4 Too big"

    def other(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        return b"502 5.5.1 Command not known"

    # The machine.

    @property
    def waiting(self) -> int:
        """Octets that came and are not answered yet."""
        return len(self._buffer)

    @property
    def storing(self) -> bool:
        """The next answer is still being found."""
        return self._pending is not None

    def say(self, answer: bytes) -> None:
        """Something that was not asked, such as the last words before we hang up."""
        self._give(answer, b"")
        self._flush()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._give(self.greet(), b"")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        if self._pending:
            self._pending.cancel()

    def pause_writing(self) -> None:
        """The peer does not read its answers: then nothing more is read of it either."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def eof_received(self) -> bool:
        return False

    def reset(self) -> None:
        self.mail_from, self.rcpts = None, []

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._pending is not None and len(self._buffer) > WAITING_LIMIT:
            self.transport.pause_reading()
        self._work()

    def _work(self) -> None:
        """Answer whatever is whole in the buffer, in one write."""
        while self._pending is None and not self.closing and (self._message() if self.in_data else self._command()):
            pass
        self._flush()

    def _flush(self) -> None:
        if self._out and not self.transport.is_closing():
            self.transport.write(b"\r\n".join([*self._out, b""]))
        self._out.clear()
        if self.closing and self._pending is None:
            self.transport.close()

    def _command(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end > COMMAND_LIMIT or (end < 0 and len(self._buffer) > COMMAND_LIMIT):
            self._give(b"500 5.5.2 Line too long", b"QUIT")
            return False
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self.line_seen(line)
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        self._give(self.answer(verb, argument), verb)
        return True

    def line_seen(self, line: bytes) -> None:
        """Every command line, for subclasses that watch."""

    def answer(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        if verb in (b"MAIL", b"RCPT"):
            found = _PATH.fullmatch(argument)
            if not found:
                return b"501 5.5.4 Syntax: <address> expected"
            address = found[1].decode("utf-8", "replace")
            return self._mail(address, found[2]) if verb == b"MAIL" else self._rcpt(address)
        if verb == b"DATA":
            return self.data() if self.rcpts else b"554 5.5.1 No valid recipients"
        if verb in (b"EHLO", b"HELO"):
            return self.hello(verb, argument)
        if verb == b"STARTTLS" and self.tls and not self.secured:
            return b"501 5.5.4 STARTTLS has no parameter" if argument else b"220 2.0.0 Begin TLS"
        if verb in (b"RSET", b"NOOP"):
            if verb == b"RSET":
                self.reset()
            return b"250 2.0.0 OK"
        return b"221 2.0.0 Bye" if verb == b"QUIT" else self.other(verb, argument)

    def _mail(self, address: str, parameters: bytes) -> Answer | Awaitable[Answer]:
        if self.mail_from is not None:
            return b"503 5.5.1 Nested MAIL"
        self.mail_from = address  # withdrawn below if it is refused
        return self.mail(address, parameters)

    def _rcpt(self, address: str) -> Answer | Awaitable[Answer]:
        if self.mail_from is None:
            return b"503 5.5.1 MAIL first"
        self.rcpts.append(address)
        return self.rcpt(address)

    def _message(self) -> bool:
        if self._buffer.startswith(b".\r\n") and not self._too_big:
            end, after = 0, 3
        else:
            found = self._buffer.find(END, self._searched)
            if found < 0:
                self._not_ended()
                return False
            end, after = found + 2, found + len(END)
        too_big = self._too_big or end > self.message_limit
        data = b"" if too_big else bytes(memoryview(self._buffer)[:end])
        del self._buffer[:after]
        self._searched, self.in_data, self._too_big = 0, False, False
        self._give(self.too_big() if too_big else self._whole(data), b".")
        return True

    def _not_ended(self) -> None:
        if self._too_big or len(self._buffer) > self.message_limit:
            self._too_big = True
            del self._buffer[: -len(END)]
        self._searched = max(0, len(self._buffer) - len(END))

    def _whole(self, data: bytes) -> Answer | Awaitable[Answer]:
        self.raw_seen(data)
        if b"\r\n.." in data or data.startswith(b".."):
            data = data.replace(b"\r\n..", b"\r\n.")
            data = data[1:] if data.startswith(b"..") else data
        return self.message(data)

    def raw_seen(self, data: bytes) -> None:
        """Every message as it was on the wire, for subclasses that watch."""

    def _give(self, answer: Answer | Awaitable[Answer], verb: bytes) -> None:
        if answer is None or isinstance(answer, bytes):
            self._settle(answer, verb)
            return
        self._flush()
        self._pending = asyncio.ensure_future(answer)
        self._pending.add_done_callback(lambda future: self._come(future, verb))

    def _come(self, answer: asyncio.Future[Answer], verb: bytes) -> None:
        self._pending = None
        if answer.cancelled():
            return
        self._settle(answer.result(), verb)
        self._work()
        if self._pending is None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _settle(self, answer: Answer, verb: bytes) -> None:
        """What an answer does to the state of the transaction."""
        if answer is None:
            self.closing = True
            return
        self._out.append(answer)
        refused = answer[:1] not in b"23"
        if verb == b"MAIL" and refused and not answer.startswith(b"503"):
            self.mail_from = None
        elif verb == b"RCPT" and refused and self.rcpts and not answer.startswith(b"503"):
            self.rcpts.pop()
        elif verb == b"DATA" and answer.startswith(b"354"):
            self.in_data = True
        elif verb == b".":
            self.reset()
        elif verb == b"STARTTLS" and not refused:
            self._secure()
        if verb == b"QUIT" or answer.startswith(b"421"):
            self.closing = True

    def _secure(self) -> None:
        """What the peer said in clear is forgotten, and so is what came behind STARTTLS: anybody on the way may have
        put it there (RFC 3207, 6)."""
        self._buffer.clear()
        self.reset()
        self.greeted = False
        self.transport.pause_reading()
        self._flush()
        self._pending = asyncio.ensure_future(self._handshake())
        self._pending.add_done_callback(self._is_secured)

    async def _handshake(self) -> Answer:
        """None when it failed: then the connection is closed."""
        loop = asyncio.get_running_loop()
        assert self.tls is not None
        try:
            self.transport = await loop.start_tls(
                self.transport, self, self.tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:
            return None
        return b""

    def _is_secured(self, answer: asyncio.Future[Answer]) -> None:
        self._pending = None
        self.secured = not answer.cancelled() and answer.result() is not None
        self.closing = self.closing or not self.secured
        self._work()
