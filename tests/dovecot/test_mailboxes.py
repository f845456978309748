"""Our IMAP and POP3 clients at a real Dovecot: reports are taken, and whatever else lies there stays as it is."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accounts import fields
from delivery.bounces.mailboxes.looking import look, try_out
from delivery.bounces.mailboxes.wire import Bounds
from delivery.models import IncomingReport, ReturnMailbox, Route
from tests.delivery.bounces.mails import AWAY, LETTER, bounce
from tests.servers import dovecot

pytestmark = [pytest.mark.dovecot, pytest.mark.django_db]

Problem = ReturnMailbox.Problem
LONG = LETTER + b"An odd line.\r\n.\r\n..\r\n" * 600_000  # 12 MB
MANY = 6_500
PATIENT = Bounds(connect_seconds=60, silence_seconds=60, session_seconds=120, slice_seconds=60)  # the machine is busy


@pytest.fixture(scope="module")
def server() -> Iterator[dovecot.Dovecot]:
    if reason := dovecot.missing():
        pytest.skip(reason)
    # pytest's own folders are closed to other users, and Dovecot works as several.
    folder = Path(tempfile.mkdtemp(prefix="shirase-dovecot-"))
    folder.chmod(0o755)
    with dovecot.running(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def box(server: dovecot.Dovecot, request: pytest.FixtureRequest) -> dovecot.Box:
    return server.box(f"u{abs(hash(request.node.name))}")


@pytest.fixture
def mailbox(server: dovecot.Dovecot, box: dovecot.Box) -> Callable[..., ReturnMailbox]:
    def make(protocol: str = "imap", *, security: str = "none", password: str = dovecot.PASSWORD, **given: Any) -> Any:
        port = server.ports[f"{protocol}s" if security == Route.Security.IMPLICIT else protocol]
        values = {"port": port, "ca_file": str(server.ca_file), "username": box.user} | given
        made = ReturnMailbox(
            name=f"{protocol} {security}", protocol=protocol, host="localhost", security=security, **values
        )
        fields.seal(made, "password_sealed", password)
        made.save()
        return made

    return make


def looked(mailbox: ReturnMailbox, bounds: Bounds = PATIENT) -> tuple[str, int, int]:
    """(problem, mails seen, reports taken) in all, after one more look."""
    look(mailbox.pk, bounds)
    mailbox.refresh_from_db()
    return mailbox.problem, mailbox.seen, mailbox.taken


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["none", "starttls", "implicit"])
def test_reports_are_taken_once_and_nothing_is_touched(
    protocol: str, security: str, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]
) -> None:
    box.put([bounce("one"), LETTER, AWAY, bounce("two"), b"", b"\r\n"])
    row = mailbox(protocol, security=security)
    assert try_out(row) is None
    assert looked(row) == ("", 6, 2), row.problem_said
    assert looked(row) == ("", 6, 2)
    box.put([bounce("three")])
    assert looked(row) == ("", 7, 3)
    assert len(box.files()) == 7 and box.flags() == set()


@pytest.mark.parametrize("handled", ["move", "delete"])
def test_reports_are_put_away(handled: str, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]) -> None:
    box.put([bounce("one"), LETTER, bounce("two")])
    assert looked(mailbox(handled=handled, move_to="エラー & more")) == ("", 3, 2)
    assert [file.read_bytes() for file in box.files()] == [LETTER]
    assert len(box.files("&MKgw6TD8- &- more")) == (2 if handled == "move" else 0)
    assert box.flags() == set()


def test_pop3_deletes_reports_only(box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]) -> None:
    box.put([bounce("one"), LETTER, bounce("two")])
    assert looked(mailbox("pop3", handled="delete")) == ("", 3, 2)
    assert [file.read_bytes() for file in box.files()] == [LETTER]


def test_a_folder_has_a_name_of_any_script(box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]) -> None:
    box.put([bounce("one")], name="&MKgw6TD8- &- more")
    assert looked(mailbox(folder="エラー & more")) == ("", 1, 1)


def test_a_folder_that_was_made_anew_is_read_from_its_start(
    server: dovecot.Dovecot, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]
) -> None:
    box.put([LETTER, bounce("one"), bounce("two")])
    row = mailbox()
    assert looked(row) == ("", 3, 2)
    server.admin("mailbox", "update", "-u", box.user, "--uid-validity", "77", "INBOX")
    box.put([bounce("new")])
    assert looked(row) == ("", 7, 5)
    assert row.uid_validity == 77 and IncomingReport.objects.count() == 3  # two were known


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_wrong_password_and_a_missing_folder_are_told(
    protocol: str, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]
) -> None:
    trouble = try_out(mailbox(protocol, password="wrong"))
    assert trouble is not None and trouble.problem == Problem.SIGN_IN and "AUTH" in trouble.said
    trouble = try_out(mailbox(security="starttls", folder="Nowhere"))
    assert trouble is not None and trouble.problem == Problem.FOLDER


@contextmanager
def relay(port: int, octets: int, then: Callable[[], object]) -> Iterator[int]:
    """A port that leads to `port`; `then` is called once that many octets came from there."""
    front = socket.create_server(("127.0.0.1", 0))

    def carry() -> None:
        client, _peer = front.accept()
        with client, socket.socket() as store:
            store.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            store.connect(("127.0.0.1", port))
            threading.Thread(target=pump, args=(client, store), daemon=True).start()
            left = octets
            while data := store.recv(16 * 1024):
                client.sendall(data)
                if 0 < left <= len(data):
                    then()
                left -= len(data)
            client.shutdown(socket.SHUT_RDWR)

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1024):
                target.sendall(data)

    carrier = threading.Thread(target=carry, daemon=True)
    carrier.start()
    with front:
        yield front.getsockname()[1]
    carrier.join(10)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_dies_in_mid_fetch_loses_and_doubles_nothing(
    protocol: str, server: dovecot.Dovecot, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]
) -> None:
    box.put([bounce("one"), LONG, bounce("two")])
    killed = []
    with relay(server.ports[protocol], 2_000_000, lambda: killed.append(server.kill(protocol))) as port:
        row = mailbox(protocol, port=port)
        assert looked(row) == (Problem.TALK, 1, 1)
    assert killed and killed[0] >= 1  # one that was just left may still be there
    row.port = server.ports[protocol]
    row.save()
    assert looked(row) == ("", 3, 2)
    assert IncomingReport.objects.count() == 2 and box.flags() == set()


def test_many_mails_with_large_uids_are_read_in_bounded_memory(
    server: dovecot.Dovecot, box: dovecot.Box, mailbox: Callable[..., ReturnMailbox]
) -> None:
    box.put([bounce("first")])
    rows = [mailbox("imap"), mailbox("pop3")]
    assert [looked(row) for row in rows] == [("", 1, 1)] * 2
    server.admin("mailbox", "update", "-u", box.user, "--min-next-uid", "4000000000", "INBOX")
    box.put(LETTER for _ in range(MANY))
    box.put([bounce("last")])
    for row in rows:
        tracemalloc.start()
        assert looked(row, replace(PATIENT, fetched=20)) == ("", 21, 1)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
        tracemalloc.stop()
    assert IncomingReport.objects.count() == 1
    row = rows[0]
    row.uid_next = 4_000_000_000 + MANY
    row.save()
    assert looked(row) == ("", 22, 2)
