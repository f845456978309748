"""The sandbox receiver: scripted outcomes by address, and 250 only for what is committed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from config.embedded import keys
from delivery.furnishing import sandbox_route
from delivery.keyring import keyring
from delivery.models import Message, SandboxMail
from delivery.sandbox.answers import Deed, answer
from delivery.sandbox.receiver import serve
from delivery.sandbox.store import Taken, insert, trim
from delivery.smtp.client import Endpoint, connect
from delivery.smtp.commands import Envelope
from delivery.smtp.faults import Ending, ending
from delivery.smtp.replies import Reply
from delivery.smtp.session import Session
from tests.delivery.smtp.drive import QUICK, run

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.parametrize(
    ("rcpt", "deed", "reply"),
    [
        ("hanako@example.net", Deed.ACCEPT, ""),
        ("bounce+5.1.1@example.net", Deed.REFUSE, "550 5.1.1"),
        ("bounce+5.1.1.03@example.net", Deed.REFUSE, "550 5.1.1"),
        ("Bounce+5.2.2-a@example.net", Deed.REFUSE, "552 5.2.2"),
        ("bounce+5.7.509@example.net", Deed.REFUSE, "550 5.7.509"),
        ("bounce+4.4.7@example.net", Deed.REFUSE, "451 4.4.7"),
        ("defer+4.7.0@example.net", Deed.DEFER, "451 4.7.0"),
        ("defer+4.7.0.07@example.net", Deed.DEFER, "451 4.7.0"),
        ("defer+5.1.1@example.net", Deed.ACCEPT, ""),
        ("slow@example.net", Deed.SLOW, ""),
        ("slow.3@example.net", Deed.SLOW, ""),
        ("slowly@example.net", Deed.ACCEPT, ""),
        ("drop@example.net", Deed.DROP, ""),
        ("bounce@example.net", Deed.ACCEPT, ""),
        ("bounce+5.1@example.net", Deed.ACCEPT, ""),
    ],
)
def test_the_local_part_says_what_happens(rcpt: str, deed: Deed, reply: str) -> None:
    asked = answer(rcpt)
    assert asked.deed is deed
    assert asked.reply.startswith(reply) and bool(asked.reply) == bool(reply)


def _raw(reference: str = "", subject: str = "Hello") -> bytes:
    return f"Subject: {subject}\r\nFrom: Aki <aki@sandbox.example>\r\nX-Shirase-Ref: {reference}\r\n\r\nHi\r\n".encode()


def _deliver(*rcpts: str, data: bytes = b"") -> list[Reply]:
    """Through a real receiver with a database connection of its own."""

    async def go() -> list[Reply]:
        server, store = await serve("127.0.0.1", 0, time_scale=0.1)
        port = server.sockets[0].getsockname()[1]
        replies = []
        for number, rcpt in enumerate(rcpts):
            session = await connect(Endpoint("127.0.0.1", port), QUICK)
            assert isinstance(session, Session)
            assert session.can.pipelining
            assert session.can.smtputf8
            replies.append(await session.send(Envelope(number, f"b-{rcpt}", rcpt, data or _raw())))
            await session.quit()
        server.close()
        await store.close()
        return replies

    return run(go)


@pytest.mark.django_db(transaction=True)
def test_each_address_gets_its_outcome() -> None:
    began = time.monotonic()
    replies = _deliver(
        "ok@example.net", "bounce+5.1.1@example.net", "defer+4.7.0@example.net", "defer+4.7.0@example.net",
        "drop@example.net", "slow@example.net",
    )  # fmt: skip
    assert [ending(reply) for reply in replies] == [
        Ending.DELIVERED, Ending.FAILED, Ending.DEFERRED, Ending.DELIVERED, Ending.UNCERTAIN, Ending.DELIVERED,
    ]  # fmt: skip
    assert time.monotonic() - began >= 0.5
    kept = list(SandboxMail.objects.order_by("pk").values_list("rcpt", flat=True))
    assert kept == ["ok@example.net", "defer+4.7.0@example.net", "slow@example.net"]


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_kept_byte_for_byte_with_its_subject() -> None:
    data = "Subject: =?utf-8?b?44GK55+l44KJ44Gb?=\r\nFrom: a@b.jp\r\n\r\n.\r\n..\r\n本文\r\n".encode()
    _deliver("ok@example.net", data=data)
    mail = SandboxMail.objects.get()
    assert (mail.raw, mail.subject, mail.size, mail.message_id) == (data, "お知らせ", len(data), None)
    assert mail.mail_from == "b-ok@example.net"


@pytest.mark.django_db(transaction=True)
def test_a_bare_line_end_is_refused_and_only_crlf_dot_crlf_ends_a_message() -> None:
    """Smuggling inwards: our client would repair such data, so it is written by hand."""

    async def go() -> list[bytes]:
        server, store = await serve("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        await reader.readline()
        answers = []
        for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\n"):
            writer.write(b"MAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n")
            writer.write(b"Subject: a\r\n\r\nb" + end + b"MAIL FROM:<evil@b.jp>\r\n.\r\n")
            answers += [await reader.readline() for _ in range(4)][3:]
        writer.close()
        await writer.wait_closed()
        server.close()
        await store.close()
        return answers

    assert [line[:9] for line in run(go)] == [b"554 5.6.0"] * 6
    assert not SandboxMail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_mail_that_the_database_cannot_take_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")  # the receiver's own new connection finds nobody
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    assert [str(reply)[:9] for reply in _deliver("ok@example.net")] == ["451 4.3.0"]


@pytest.mark.django_db
@pytest.mark.parametrize("reference", ["", "nonsense", "1a" + "a" * 13 + "-" + "a" * 16])
def test_mail_without_a_valid_reference_belongs_to_nobody(reference: str) -> None:
    insert([Taken("a@b.jp", "c@d.jp", _raw(reference))])
    mail = SandboxMail.objects.get()
    assert (mail.workspace_id, mail.message_id) == (None, None)


@pytest.mark.django_db
def test_a_reference_in_the_body_is_not_believed(workspace_message: Message) -> None:
    reference = keyring().return_path_local(workspace_message.pk)
    insert([Taken("a@b.jp", "c@d.jp", b"Subject: x\r\n\r\nX-Shirase-Ref: " + reference.encode() + b"\r\n")])
    assert SandboxMail.objects.get().message_id is None


@pytest.mark.django_db
def test_our_mail_lands_in_its_workspace_and_the_oldest_go(
    workspace_message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SANDBOX_KEPT", 5)
    reference = keyring().return_path_local(workspace_message.pk)
    insert([Taken("a@b.jp", "c@d.jp", _raw(reference, f"letter {n}")) for n in range(8)])
    insert([Taken("a@b.jp", "c@d.jp", _raw())])
    workspace = workspace_message.mailing.workspace_id
    trim(workspace)
    assert [mail.subject for mail in SandboxMail.objects.filter(workspace=workspace).order_by("pk")] == [
        f"letter {n}" for n in range(3, 8)
    ]
    assert SandboxMail.objects.filter(workspace=None).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [b"Subject: =?nonsense?b?aaaa?=", b"Subject: =?utf-8?b?A?=", b"Subject: \x00\xff\xfe", b"\xff" * 50, b"Subject:"],
)
def test_a_hostile_header_does_not_stop_the_sandbox(header: bytes) -> None:
    insert([Taken("a@b.jp", "c\x00@d.jp", header + b"\r\n\r\nbody\r\n")])
    assert "\x00" not in SandboxMail.objects.get().subject


def on_this_database() -> dict[str, str]:
    """The environment of a process that shares the test's database: that of production, with keys of its own."""
    own = {name: keys.new_key("a") for name in ("ENCRYPTION_KEYS", "TOKEN_KEYS")} | {"SECRET_KEY": "s" * 50}
    database = connection.settings_dict
    address = f"postgresql://{database['USER']}@/{database['NAME']}?host={quote(database['HOST'])}"
    return os.environ | own | {"DATABASE_URL": address, "BROKER_URL": "memory://"}


@pytest.mark.django_db(transaction=True)
def test_the_command_leads_the_route_to_itself_and_ends_in_order() -> None:
    """The route was made while PORT, and with it the receiver's, was another."""
    sandbox_route()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox"],
        cwd=ROOT, env=on_this_database() | {"SANDBOX_PORT": str(port)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout
        assert f":{port}" in process.stdout.readline()
        route = sandbox_route()
        assert (route.host, route.port) == ("127.0.0.1", port)
        socket.create_connection(("127.0.0.1", port)).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "sandbox"],
            cwd=ROOT, env=os.environ | {"SANDBOX_PORT": str(port)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
