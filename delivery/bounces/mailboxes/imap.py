"""IMAP (RFC 3501): mails from a UID on, seen by nobody; imaplib's grammar over our own bounded wire."""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from delivery.bounces.mailboxes import wire
from delivery.bounces.mailboxes.wire import Bounds, Trouble
from delivery.models import ReturnMailbox, Route

WINDOW = 5_000  # mails that one search may find: a UID has ten digits, and an answer is one line

Handled = ReturnMailbox.Handled
Problem = ReturnMailbox.Problem


class Client(imaplib.IMAP4):
    """Reads from the bounded wire only."""

    def __init__(self, mailbox: ReturnMailbox, bounds: Bounds) -> None:
        self._mailbox, self._bounds = mailbox, bounds
        self._deadline = time.monotonic() + bounds.session_seconds
        super().__init__(mailbox.host, mailbox.port)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self._use(wire.connect(self._mailbox, self._bounds))

    def _use(self, connection: socket.socket) -> None:
        """What a former connection had read and not used is dropped."""
        self.sock = connection
        self._wire = wire.reader(connection, self._bounds, self._deadline)

    def start_tls(self) -> None:
        kind, _data = self._simple_command("STARTTLS")
        if kind != "OK":
            raise Trouble(Problem.TLS)
        self._use(wire.secure(self.sock, self._mailbox))
        self.know_capabilities()

    def know_capabilities(self) -> None:
        """They are others once the connection is secured, and others again for who signed in (RFC 3501, 6.1.1)."""
        self._get_capabilities()

    def read(self, size: int) -> bytes:
        if size > self._bounds.message:
            raise Trouble(Problem.LIMIT)
        return self._wire.read(size) or b""

    def readline(self) -> bytes:
        line = self._wire.readline(self._bounds.line + 1)
        if len(line) > self._bounds.line:
            raise Trouble(Problem.LIMIT)
        return line

    def shutdown(self) -> None:
        self.sock.close()


class Session:
    """Signed in, the folder open. `uid_validity` tells whether UIDs of before still hold."""

    def __init__(self, client: Client, mailbox: ReturnMailbox, bounds: Bounds) -> None:
        self._client, self._mailbox, self._bounds = client, mailbox, bounds
        self.uid_validity = _number(client.response("UIDVALIDITY")[1])
        self.uid_next = _number(client.response("UIDNEXT")[1])
        self._number = _number(client.response("EXISTS")[1])  # of mails

    def uids(self, first: int) -> list[int]:
        """The lowest from `first` on, in order: all, or more than one session fetches."""
        dense = 0 < self.uid_next - first <= self._number
        windows = self._by_uid(first) if dense else self._by_place(first)
        found: set[int] = set()
        for uids, last in windows:
            found = set(sorted(found | uids)[: self._bounds.fetched + 1])
            if last or (dense and len(found) > self._bounds.fetched):
                break
        return sorted(found)

    def _by_uid(self, first: int) -> Iterator[tuple[set[int], bool]]:
        for start in range(first, self.uid_next, WINDOW):
            yield self._search(f"UID {start}:{start + WINDOW - 1}"), False

    def _by_place(self, first: int) -> Iterator[tuple[set[int], bool]]:
        """Where few mails have UIDs of ten digits. From the end, since places move down when somebody expunges. True
        for the last one that can have some."""
        for end in range(self._number, 0, -WINDOW):
            start = max(end - WINDOW, 0) + 1
            # "*" is the last mail, also where its UID is below `first` (RFC 3501, 6.4.8).
            uids = {uid for uid in self._search(f"{start}:{end} UID {first}:*") if uid >= first}
            yield uids, len(uids) <= end - start

    def _search(self, key: str) -> set[int]:
        found = self._ask("SEARCH", key)
        return {int(uid) for part in found if isinstance(part, bytes) for uid in part.split() if uid.isdigit()}

    def fetch(self, uid: int) -> bytes:
        """The mail, its first octets where it is too long; b"" when it is gone. It is not marked as read."""
        found = self._ask("FETCH", str(uid), f"(BODY.PEEK[]<0.{self._bounds.message}>)")
        return next((bytes(part[1]) for part in found if isinstance(part, tuple)), b"")

    def put_away(self, uid: int) -> None:
        """What is to become of a report that was stored. Raises Trouble when the server will not have it."""
        if self._mailbox.handled == Handled.LEAVE:
            return
        try:
            if self._mailbox.handled == Handled.MOVE and self._move(uid):
                return
            self._ask("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
            if "UIDPLUS" in self._client.capabilities:  # without it, what others deleted would go too
                self._ask("EXPUNGE", str(uid))
        except Trouble as trouble:
            raise Trouble(Problem.MOVE, trouble.said) from trouble

    def _move(self, uid: int) -> bool:
        """True when it is gone from here; else it was copied."""
        folder = quoted(self._mailbox.move_to)
        with suppress(imaplib.IMAP4.error):
            self._client.create(folder)
        moves = "MOVE" in self._client.capabilities
        self._ask("MOVE" if moves else "COPY", str(uid), folder)
        return moves

    def _ask(self, *words: str) -> list[Any]:
        kind, found = self._client.uid(*words)
        if kind != "OK":
            raise Trouble(Problem.TALK, _said(found))
        return found


@contextmanager
def opened(mailbox: ReturnMailbox, password: str, bounds: Bounds) -> Iterator[Session]:
    """Raises Trouble, whatever goes wrong."""
    client: Client | None = None
    try:
        client = Client(mailbox, bounds)
        if mailbox.security == Route.Security.STARTTLS:
            client.start_tls()
        _sign_in(client, mailbox.username, password)
        _select(client, mailbox)
        yield Session(client, mailbox, bounds)
        client.logout()
    except (imaplib.IMAP4.error, OSError, EOFError, ValueError, LookupError, TypeError) as error:
        raise Trouble(Problem.TALK, str(error)) from error
    finally:
        if client is not None:
            with suppress(OSError):
                client.shutdown()


def _sign_in(client: Client, username: str, password: str) -> None:
    try:
        if "AUTH=PLAIN" in client.capabilities:
            client.authenticate("PLAIN", lambda _challenge: f"\0{username}\0{password}".encode())
        else:
            client.login(username, password)
        client.know_capabilities()
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, UnicodeError) as error:
        raise Trouble(Problem.SIGN_IN, str(error)) from error


def _select(client: Client, mailbox: ReturnMailbox) -> None:
    kind, found = client.select(quoted(mailbox.folder), readonly=mailbox.handled == Handled.LEAVE)
    if kind != "OK":
        raise Trouble(Problem.FOLDER, _said(found))


def quoted(folder: str) -> str:
    """A folder's name in IMAP's own UTF-7 (RFC 3501, 5.1.3), in quotes."""
    parts = re.split(r"([^\x20-\x7e]+)", folder.replace("&", "&-"))
    coded = "".join(_utf7(part) if n % 2 else part for n, part in enumerate(parts))
    return '"' + coded.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(part: str) -> str:
    return "&" + base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def _number(found: list[Any]) -> int:
    text = found[-1] if found else None
    return int(text) if isinstance(text, bytes) and text.isdigit() else 0


def _said(found: list[Any]) -> str:
    return b" ".join(part for part in found if isinstance(part, bytes)).decode("utf-8", "replace")
