"""The receiving half of an SMTP dialogue, pipelined; what is answered is decided by a subclass.

aiosmtpd cannot PIPELINE, and a receiver without it would be the slowest part of a sandbox send.
Only CRLF.CRLF ends a message (SMTP smuggling); a bare CR or LF is left for the subclass to judge.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Any

COMMAND_LIMIT = 2048  # octets; RFC 5321 asks for 512, SIZE, SMTPUTF8 and AUTH add to it
END = b"\r\n.\r\n"

Answer = bytes | None  # one reply line without CRLF (or several joined by CRLF); None: close without a word
_PATH = re.compile(rb"(?:FROM|TO):\s*<([^>]*)>\s*(.*)", re.IGNORECASE)


class Conversation(asyncio.Protocol):
    """One connection. Answers may be awaitables: what the peer has sent meanwhile waits for them."""

    name = "localhost"
    message_limit = 50_000_000

    def __init__(self) -> None:
        self.transport: Any = None
        self.mail_from: str | None = None
        self.rcpts: list[str] = []
        self.in_data = False
        self.closing = False
        self._buffer = bytearray()
        self._searched = 0
        self._out: list[bytes] = []
        self._pending: asyncio.Future[Answer] | None = None

    # For subclasses: each returns an Answer or an awaitable of one.

    def greet(self) -> Answer | Awaitable[Answer]:
        return b"220 " + self.name.encode() + b" ESMTP"

    def extensions(self) -> list[bytes]:
        return [b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"SIZE %d" % self.message_limit]

    def hello(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        self.reset()
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

    def other(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
        return b"502 5.5.1 Command not known"

    # The machine.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._give(self.greet(), b"")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        if self._pending:
            self._pending.cancel()

    def eof_received(self) -> bool:
        return False

    def reset(self) -> None:
        self.mail_from, self.rcpts = None, []

    def data_received(self, data: bytes) -> None:
        self._buffer += data
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
        if end < 0:
            if len(self._buffer) > COMMAND_LIMIT:
                self._give(b"500 5.5.2 Line too long", b"QUIT")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self.line_seen(line)
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        self._give(self._answer(verb, argument), verb)
        return True

    def line_seen(self, line: bytes) -> None:
        """Every command line, for subclasses that watch."""

    def _answer(self, verb: bytes, argument: bytes) -> Answer | Awaitable[Answer]:
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
        if self._buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            found = self._buffer.find(END, self._searched)
            if found < 0:
                self._searched = max(0, len(self._buffer) - len(END))
                if len(self._buffer) > self.message_limit:
                    self._give(b"552 5.3.4 Too big", b"QUIT")
                return False
            end, after = found + 2, found + len(END)
        with memoryview(self._buffer) as view:
            data = bytes(view[:end])
        del self._buffer[:after]
        self._searched, self.in_data = 0, False
        self.raw_seen(data)
        if b"\r\n.." in data or data.startswith(b".."):
            data = data.replace(b"\r\n..", b"\r\n.")
            data = data[1:] if data.startswith(b"..") else data
        self._give(self.message(data), b".")
        return True

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
        if verb == b"QUIT" or answer.startswith(b"421"):
            self.closing = True
