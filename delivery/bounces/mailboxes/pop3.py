"""POP3 (RFC 1939): mails by their unique ids; a server's figures are not believed, only what it sends."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from delivery.bounces.mailboxes import wire
from delivery.bounces.mailboxes.wire import Bounds, Trouble
from delivery.models import ReturnMailbox, Route

Problem = ReturnMailbox.Problem
LINES = 1_000_000  # of a mail


class Session:
    """One connection. All methods raise Trouble or OSError."""

    def __init__(self, mailbox: ReturnMailbox, bounds: Bounds) -> None:
        self._bounds = bounds
        self._deadline = time.monotonic() + bounds.session_seconds
        self._unread: Iterator[bytes] = iter(())
        self._use(wire.connect(mailbox, bounds))

    def _use(self, connection: socket.socket) -> None:
        """What a former connection had read and not used is dropped."""
        self._connection = connection
        self._wire = wire.reader(connection, self._bounds, self._deadline)

    def greet(self, mailbox: ReturnMailbox, password: str) -> None:
        self._expect_ok(self._answer())
        if mailbox.security == Route.Security.STARTTLS:
            self._ask("STLS", Problem.TLS)
            self._use(wire.secure(self._connection, mailbox))
        self._ask(f"USER {mailbox.username}", Problem.SIGN_IN)
        self._ask(f"PASS {password}", Problem.SIGN_IN)

    def listing(self) -> dict[int, str]:
        """Number → unique id, of all mails."""
        self._ask("UIDL")
        listed: dict[int, str] = {}
        for line in self._lines():
            number, _space, unique = line.decode("ascii", "replace").strip().partition(" ")
            if number.isascii() and number.isdigit() and unique:
                listed[int(number[:12])] = unique[:200]
            if len(listed) > self._bounds.listed:
                raise Trouble(Problem.LIMIT)
        return listed

    def fetch(self, number: int) -> bytes:
        """The mail, its first octets where it is too long. By TOP, since RETR marks as read; by RETR where that is all
        there is."""
        if not self._say(f"TOP {number} {LINES}").startswith(b"+OK"):
            self._ask(f"RETR {number}")
        parts, size = [], 0
        self._unread = self._lines()
        for line in self._unread:
            parts.append(line)
            size += len(line)
            if size > self._bounds.message:
                break
        return b"".join(parts)[: self._bounds.message]

    def delete(self, number: int) -> None:
        """Holds once the session has ended well."""
        self._ask(f"DELE {number}", Problem.MOVE)

    def leave(self) -> None:
        self._ask("QUIT")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, words: str, problem: ReturnMailbox.Problem = Problem.TALK) -> None:
        if "\r" in words or "\n" in words:
            raise Trouble(problem)
        self._expect_ok(self._say(words), problem)

    def _say(self, words: str) -> bytes:
        """What is answered; what was left of a mail that is too long is read, and dropped, before."""
        deque(self._unread, maxlen=0)
        self._connection.sendall(words.encode() + b"\r\n")
        return self._answer()

    def _answer(self) -> bytes:
        line = self._wire.readline(self._bounds.line + 1)
        if not line.endswith(b"\n"):
            raise Trouble(Problem.LIMIT if line else Problem.TALK)
        return line

    def _expect_ok(self, line: bytes, problem: ReturnMailbox.Problem = Problem.TALK) -> None:
        if not line.startswith(b"+OK"):
            raise Trouble(problem, line.decode("utf-8", "replace").strip())

    def _lines(self) -> Iterator[bytes]:
        """Until the line of one dot, dots unstuffed. A piece of a longer line is a line here."""
        at_start = True
        while True:
            line = self._wire.readline(self._bounds.line)
            if not line:
                raise Trouble(Problem.TALK)
            if at_start and line.startswith(b"."):
                if line in (b".\r\n", b".\n"):
                    return
                line = line[1:]
            at_start = line.endswith(b"\n")
            yield line


@contextmanager
def opened(mailbox: ReturnMailbox, password: str, bounds: Bounds) -> Iterator[Session]:
    """Raises Trouble, whatever goes wrong."""
    session = Session(mailbox, bounds)
    try:
        session.greet(mailbox, password)
        yield session
        session.leave()
    except OSError as error:
        raise Trouble(Problem.TALK, str(error)) from error
    finally:
        session.close()
