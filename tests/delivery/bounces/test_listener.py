"""The listener: 250 only after commit, for nobody but us, and no way to smuggle or to flood."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from django.db import connection
from django.utils import timezone

from delivery.bounces.listener import serving
from delivery.bounces.listener.hall import Bounds
from delivery.models import DmarcReport, IncomingReport, ListenerSeen, SendingDomain
from tests.delivery.bounces.peer import HELLO, HOST, TOKEN, Peer, listening
from tests.delivery.dmarc import mails as dmarc
from tests.delivery.factories import domain
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def ours(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path
    SendingDomain.objects.filter(pk=domain(make_workspace()).pk).update(return_path_host=HOST)


def test_a_report_is_stored_once_before_it_is_said_to_be() -> None:
    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        report = b"Subject: failure\r\n\r\n..dots\r\n.\r\n"
        return [await peer.post(report), await peer.post(report), *(await peer.ask(b"QUIT\r\n"))]

    assert [line[:3] for line in listening(deed)] == ["250", "250", "221"]
    kept = IncomingReport.objects.get()
    assert (kept.raw, kept.rcpt) == (b"Subject: failure\r\n\r\n.dots\r\n", f"{TOKEN}@{HOST}")


def test_a_bomb_of_a_dmarc_report_is_answered_and_kept_as_too_big() -> None:
    SendingDomain.objects.update(verified_at=timezone.now())
    sent = dmarc.mail(dmarc.bomb()) + b".\r\n"

    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        return [await peer.post(sent, rcpt=f"dmarc@{HOST}"), *(await peer.ask(b"QUIT\r\n"))]

    assert [line[:3] for line in listening(deed)] == ["250", "221"]
    kept = IncomingReport.objects.get()
    assert (kept.kind, kept.result) == (IncomingReport.Kind.DMARC, IncomingReport.Result.UNREADABLE)
    assert DmarcReport.objects.get().problem == DmarcReport.Problem.TOO_BIG


def test_who_is_taken_and_who_is_not(settings: Any) -> None:
    """Not even a forged token is told apart from a good one, so that nobody can try them out."""
    settings.LISTENER_NAMES = frozenset({"dmarc"})
    cases = {
        f"{TOKEN}@{HOST}": "250",
        f"{TOKEN.upper()}@{HOST.upper()}": "250",
        f"1a{'b' * 13}-{'c' * 16}@{HOST}": "250",
        f"fbl@{HOST}": "550",
        f"DMARC@{HOST}": "250",
        f"postmaster@{HOST}": "250",
        f"abuse@{HOST}": "250",
        f"Abuse@{settings.SMTP_HOSTNAME}": "250",
        "Postmaster": "250",
        f"{TOKEN}@news.example.com": "550",
        f"{TOKEN}@bounce.elsewhere.example": "550",
        f"somebody@{HOST}": "550",
        f"{TOKEN[:-1]}@{HOST}": "550",
        f"{TOKEN}x@{HOST}": "550",
        f"a%b@{HOST}": "550",
        f"@{HOST}:a@b.example": "550",
        f"@{HOST}": "550",
        TOKEN: "550",
        "": "550",
    }

    async def deed(connect: Any) -> dict[str, str]:
        peer = await connect()
        await peer.ask(b"MAIL FROM:<>\r\n")
        return {rcpt: (await peer.ask(f"RCPT TO:<{rcpt}>\r\n".encode()))[0][:3] for rcpt in cases}

    assert listening(deed) == cases


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n"])
def test_only_crlf_dot_crlf_ends_a_message(end: bytes) -> None:
    """What another server might take for an end is one more line of the same message, and its commands are text."""
    inside = f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nDATA\r\nSubject: smuggled\r\n".encode()

    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        return [
            await peer.post(b"Subject: one\r\n\r\nbody" + end + inside + b"\r\n.\r\n"),
            *(await peer.ask(b"NOOP\r\n")),
        ]

    assert [line[:3] for line in listening(deed)] == ["250", "250"]
    kept = IncomingReport.objects.get()
    assert kept.rcpt.startswith(TOKEN) and b"smuggled" in kept.raw
    assert not {b"\r", b"\n"} & {bytes([octet]) for octet in kept.raw.replace(b"\r\n", b"")}


def test_an_end_that_servers_disagree_on_is_refused_and_nothing_behind_it_is_obeyed() -> None:
    behind = f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\n".encode()

    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        return [await peer.post(b"Subject: one\r\n\r\nbody\r\r\n.\r\n" + behind)]

    assert [line[:3] for line in listening(deed)] == ["554"]
    assert not IncomingReport.objects.exists()


def test_commands_behind_the_dot_are_answered_and_a_letter_before_354_is_not_taken() -> None:
    async def deed(connect: Any) -> tuple[list[str], list[str]]:
        piped, hasty = await connect(), await connect()
        start = f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nDATA\r\n".encode()
        await piped.ask(start, 3)
        behind = await piped.ask(b"Subject: one\r\n\r\n.\r\n" + start, 4)
        await piped.ask(b"Subject: two\r\n\r\n.\r\n")
        return behind, [*await hasty.ask(start + b"Subject: three\r\n\r\n.\r\n", 3), await hasty.hear()]

    behind, hasty = listening(deed)
    assert [line[:3] for line in behind] == ["250", "250", "250", "354"]
    assert [line[:3] for line in hasty] == ["250", "250", "421", ""]
    assert sorted(row.raw[:12] for row in IncomingReport.objects.all()) == [b"Subject: one", b"Subject: two"]


def test_what_was_said_in_clear_behind_starttls_is_forgotten() -> None:
    async def deed(connect: Any) -> tuple[list[str], str]:
        peer = await connect(b"")
        lines = await peer.ask(HELLO + b"MAIL FROM:<>\r\n", 2)
        lines += await peer.ask(b"STARTTLS\r\nRSET\r\nEHLO injected\r\n")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await peer.writer.start_tls(context)
        lines += await peer.ask(b"MAIL FROM:<>\r\n")
        offered = (await peer.ask(b"EHLO again\r\n"))[0]
        lines += await peer.ask(b"STARTTLS\r\n")
        return [*lines, await peer.post(b"Subject: in private\r\n\r\n.\r\n")], offered

    lines, offered = listening(deed)
    assert [line[:3] for line in lines] == ["250", "250", "220", "503", "502", "250"]
    assert "STARTTLS" not in offered and IncomingReport.objects.count() == 1


def test_lmtp_answers_for_each_recipient() -> None:
    async def deed(connect: Any) -> list[str]:
        peer = await connect(b"LHLO postfix.local\r\n")
        start = f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nRCPT TO:<x@{HOST}>\r\nRCPT TO:<{TOKEN}@{HOST}>\r\nDATA\r\n"
        told = await peer.ask(start.encode(), 5)
        return told + await peer.ask(b"Subject: one\r\n\r\n.\r\n", 2)

    assert [line[:3] for line in listening(deed)] == ["250", "250", "550", "250", "354", "250", "250"]
    assert IncomingReport.objects.count() == 2


def test_lmtp_refuses_what_is_too_big_once_for_each_recipient() -> None:
    async def deed(connect: Any) -> list[str]:
        peer = await connect(b"LHLO postfix.local\r\n")
        await peer.ask(f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nRCPT TO:<{TOKEN}@{HOST}>\r\nDATA\r\n".encode(), 4)
        return await peer.ask(b"x" * 2000 + b"\r\n.\r\nNOOP\r\n", 3)

    assert [line[:3] for line in listening(deed, Bounds(message=1000))] == ["552", "552", "250"]


def test_one_mail_to_many_whom_we_did_not_sign_is_kept_once_and_in_short() -> None:
    forged = b"".join(f"RCPT TO:<{n}a{'b' * 13}-{'c' * 16}@{HOST}>\r\n".encode() for n in range(1, 10))

    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        await peer.ask(b"MAIL FROM:<>\r\n" + forged + f"RCPT TO:<{TOKEN}@{HOST}>\r\nDATA\r\n".encode(), 12)
        return await peer.ask(b"Subject: one\r\n\r\n" + b"x" * 40_000 + b"\r\n.\r\n")

    assert [line[:3] for line in listening(deed)] == ["250"]
    assert sorted(row.rcpt[:2] for row in IncomingReport.objects.all()) == sorted([TOKEN[:2], "1a"])
    assert all(len(row.raw) <= 16 * 1024 for row in IncomingReport.objects.all())


def test_what_is_too_big_is_refused_and_the_conversation_goes_on() -> None:
    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        told = await peer.ask(b"MAIL FROM:<> SIZE=10001\r\n")
        told.append(await peer.post(b"x" * 9990 + b"y\r\n" * 30_000 + b"\r\n.\r\n"))
        told.append(await peer.post(b"z" * 20_000 + b"\n.\r\nMAIL FROM:<>\r\n" + b"z" * 20_000 + b"\r\n.\r\n"))
        return [*told, await peer.post(b"Subject: small\r\n\r\n.\r\n")]

    assert [line[:3] for line in listening(deed, Bounds(message=10_000))] == ["552", "552", "552", "250"]
    assert IncomingReport.objects.count() == 1


def test_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that it is stored; once the database is back the same mail is taken."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)  # each mail has a new connection
    right = connection.settings_dict["HOST"]

    async def deed(connect: Any) -> list[str]:
        peer = await connect()
        told = [await peer.post(b"Subject: one\r\n\r\n.\r\n")]
        connection.settings_dict["HOST"] = "/nowhere"
        told.append(await peer.post(b"Subject: two\r\n\r\n.\r\n"))
        connection.settings_dict["HOST"] = right
        return [*told, await peer.post(b"Subject: two\r\n\r\n.\r\n")]

    try:
        told = listening(deed)
    finally:
        connection.settings_dict["HOST"] = right
    assert [line[:9] for line in told] == ["250 2.0.0", "451 4.3.0", "250 2.0.0"]
    assert IncomingReport.objects.count() == 2


def test_floods_are_bounded() -> None:
    bounds = Bounds(connections=3, of_one_address=3, recipients=2, commands=20, held=50_000)

    async def deed(connect: Any) -> list[list[str]]:
        first, second, third = await connect(), await connect(), await connect()
        turned_away = Peer(*await asyncio.open_connection(*first.writer.get_extra_info("peername")))
        told = [[await turned_away.hear(), await turned_away.hear()]]
        turned_away.writer.close()
        rcpts = f"RCPT TO:<fbl@{HOST}>\r\n".encode() * 3
        told.append((await second.ask(b"MAIL FROM:<>\r\n" + rcpts, 4))[2:])
        told.append([*(await first.ask(b"NOOP\r\n" * 20, 20))[18:], await first.hear()])
        told.append([await third.post(b"x" * 30_000 + b"\r\n.\r\n")])  # what is stored is held no longer
        await second.ask(b"DATA\r\n")
        second.writer.write(b"x" * 30_000)
        await third.ask(b"NOOP\r\n")
        told.append(await second.ask(b"\r\n.\r\n"))
        told.append([await second.post(b"x" * 60_000), await second.hear()])
        long = await connect(b"")
        told.append([*await long.ask(b"NOOP " + b"x" * 3000), await long.hear()])
        return told

    assert [[line[:3] for line in lines] for lines in listening(deed, bounds)] == [
        ["421", ""],
        ["250", "452"],
        ["250", "421", ""],
        ["250"],
        ["250"],
        ["421", ""],
        ["500", ""],
    ]


def test_whoever_is_too_slow_is_told_so() -> None:
    async def deed(connect: Any) -> list[str]:
        quiet, dripping = await connect(b""), await connect()
        await dripping.ask(f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nDATA\r\n".encode(), 3)
        for _ in range(5):
            dripping.writer.write(b"x")
            await asyncio.sleep(0.1)
        return [await quiet.hear(), await quiet.hear(), await dripping.hear()]

    bounds = replace(Bounds(), command_seconds=0.4, message_seconds=0.6)
    assert [line[:9] for line in listening(deed, bounds)] == ["421 4.4.2", "", "421 4.4.2"]


def test_at_its_end_it_finishes_what_is_in_hand() -> None:
    """And says in the database that it was here."""

    async def go() -> list[str]:
        listener = await serving.start("127.0.0.1", 0)
        port = listener.server.sockets[0].getsockname()[1]
        beating = asyncio.create_task(listener.beat())
        peers = [Peer(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
        for peer in peers:
            await peer.hear()
            await peer.ask(HELLO)
        await peers[0].ask(f"MAIL FROM:<>\r\nRCPT TO:<fbl@{HOST}>\r\nDATA\r\n".encode(), 3)
        await asyncio.sleep(0.1)
        beating.cancel()
        ending = asyncio.create_task(listener.end())
        told = [await peers[1].hear(), *await peers[0].ask(b"Subject: one\r\n\r\n.\r\n"), await peers[0].hear()]
        await ending
        for peer in peers:
            peer.writer.close()
        return told

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert [line[:3] for line in runner.run(go())] == ["421", "250", "421"]
    assert IncomingReport.objects.count() == 1 and ListenerSeen.objects.exists()


def test_its_own_certificate_is_made_once(tmp_path: Path) -> None:
    async def deed(connect: Any) -> None:
        await connect()

    listening(deed)
    made = (tmp_path / "listener.pem").read_bytes()
    listening(deed)
    assert (tmp_path / "listener.pem").read_bytes() == made
    assert (tmp_path / "listener.pem").stat().st_mode & 0o777 == 0o600
