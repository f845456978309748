"""The connection to a mail store: so many octets and so much time, and not one more."""

from __future__ import annotations

import io
import socket
import ssl
import time
from dataclasses import dataclass

from delivery.models import ReturnMailbox, Route

Problem = ReturnMailbox.Problem


class Trouble(Exception):
    """Why a look ended early: one of ReturnMailbox.Problem, and what the server said."""

    def __init__(self, problem: ReturnMailbox.Problem, said: str = "") -> None:
        super().__init__(problem, said)
        self.problem, self.said = problem, said


@dataclass(frozen=True)
class Bounds:
    """Of one session."""

    connect_seconds: float = 10.0
    silence_seconds: float = 20.0
    session_seconds: float = 60.0
    octets: int = 64 * 1024 * 1024
    line: int = 64 * 1024  # octets of an answer's line
    message: int = 10 * 1024 * 1024
    listed: int = 100_000  # mails that a server may list
    slice_seconds: float = 4.0  # no further mail is fetched after these
    fetched: int = 500  # mails


class Wire(io.RawIOBase):
    """What a socket says, until time or octets run out. Raises Trouble."""

    def __init__(self, connection: socket.socket, bounds: Bounds, deadline: float) -> None:
        self._connection, self._bounds, self._deadline = connection, bounds, deadline
        self._left = bounds.octets

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        rest = self._deadline - time.monotonic()
        if rest <= 0 or self._left <= 0:
            raise Trouble(Problem.LIMIT)
        self._connection.settimeout(min(rest, self._bounds.silence_seconds))
        try:
            number = self._connection.recv_into(buffer)
        except TimeoutError as error:
            raise Trouble(Problem.LIMIT) from error
        self._left -= number
        return number


def reader(connection: socket.socket, bounds: Bounds, deadline: float) -> io.BufferedReader:
    return io.BufferedReader(Wire(connection, bounds, deadline))


def context(mailbox: ReturnMailbox) -> ssl.SSLContext:
    """Verifies name and certificate. Raises Trouble when the authority's file cannot be read."""
    try:
        made = ssl.create_default_context(cafile=mailbox.ca_file or None)
    except OSError as error:
        raise Trouble(Problem.TLS, str(error)) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def connect(mailbox: ReturnMailbox, bounds: Bounds) -> socket.socket:
    """Secured already where TLS is implicit. Raises Trouble."""
    try:
        opened = socket.create_connection((mailbox.host, mailbox.port), timeout=bounds.connect_seconds)
    except OSError as error:
        raise Trouble(Problem.CONNECT, error.strerror or str(error)) from error
    return secure(opened, mailbox) if mailbox.security == Route.Security.IMPLICIT else opened


def secure(connection: socket.socket, mailbox: ReturnMailbox) -> socket.socket:
    """Raises Trouble; the connection is closed then."""
    try:
        return context(mailbox).wrap_socket(connection, server_hostname=mailbox.host)
    except (OSError, ValueError) as error:
        connection.close()
        raise Trouble(Problem.TLS, getattr(error, "verify_message", "") or str(error)) from error
    except Trouble:
        connection.close()
        raise
