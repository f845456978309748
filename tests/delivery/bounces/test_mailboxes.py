"""Return mailboxes: only reports are taken, each once, and no server can make us swallow without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trustme
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import fields
from delivery.bounces.mailboxes.imap import quoted
from delivery.bounces.mailboxes.looking import look, look_due, return_path, try_out
from delivery.bounces.mailboxes.wire import Bounds
from delivery.keyring import keyring
from delivery.models import IncomingReport, ReturnMailbox, Route, SendingDomain
from tests.delivery.bounces.mails import AWAY, LETTER, bounce
from tests.delivery.dmarc import mails as dmarc
from tests.delivery.factories import domain
from tests.factories import make_member, make_workspace
from tests.servers.stores import Imap, Pop, Store

pytestmark = pytest.mark.django_db

Problem = ReturnMailbox.Problem
TIGHT = Bounds(session_seconds=3.0, silence_seconds=1.0, octets=2_000_000, message=100_000, listed=1000)


MAILS = {3: bounce("one"), 4: LETTER, 6: AWAY, 9: bounce("two")}


@pytest.fixture
def mailbox() -> Callable[..., ReturnMailbox]:
    def make(store: Store, **given: Any) -> ReturnMailbox:
        made = ReturnMailbox(
            name="Returns", host="127.0.0.1", port=store.port, security=Route.Security.NONE, username="bounce",
            protocol="imap" if isinstance(store, Imap) else "pop3",
        )  # fmt: skip
        for name, value in given.items():
            setattr(made, name, value)
        fields.seal(made, "password_sealed", "pässword")
        made.save()
        return made

    return make


def looked(mailbox: ReturnMailbox, bounds: Bounds | None = None) -> tuple[str, int, int]:
    """(problem, mails seen, reports taken) in all, after one more look."""
    look(mailbox.pk, bounds)
    mailbox.refresh_from_db()
    assert mailbox.claimed_until is None and mailbox.looked_at
    return mailbox.problem, mailbox.seen, mailbox.taken


@pytest.mark.parametrize("kind", [Imap, Pop])
def test_reports_are_taken_once_and_other_mail_stays_untouched(
    kind: type[Store], mailbox: Callable[..., ReturnMailbox]
) -> None:
    with kind(MAILS) as store:
        row = mailbox(store)
        assert looked(row) == ("", 4, 2)
        assert looked(row) == ("", 4, 2)
        store.mails[10] = bounce("three")
        assert looked(row) == ("", 5, 3)
    assert store.flags == {} and set(store.mails) == {3, 4, 6, 9, 10}
    assert not any("STORE" in said or "DELE" in said or "SELECT" in said for said in store.said)
    reports = list(IncomingReport.objects.order_by("pk"))
    assert [report.told[0]["recipient"] for report in reports] == [f"{n}@example.net" for n in ("one", "two", "three")]
    assert reports[0].inlet == row.protocol and reports[0].result == IncomingReport.Result.GONE  # by the signed To


@pytest.mark.parametrize("handled", ["move", "delete"])
def test_a_taken_report_is_put_away(handled: str, mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        assert looked(mailbox(store, handled=handled, move_to="エラー&")) == ("", 4, 2)
    assert set(store.mails) == {4, 6}
    assert store.moved == (dict.fromkeys((3, 9), quoted("エラー&")) if handled == "move" else {})
    assert quoted("エラー&") == '"&MKgw6TD8-&-"'


def test_dmarc_reports_on_our_domains_are_taken_and_others_stay(mailbox: Callable[..., ReturnMailbox]) -> None:
    ours = domain(make_workspace())
    SendingDomain.objects.filter(pk=ours.pk).update(verified_at=timezone.now())
    mine, other = (dmarc.mail(dmarc.zipped(dmarc.report([], domain=name))) for name in (ours.name, "example.org"))
    with Imap({1: mine, 2: other, 3: LETTER}) as store:
        assert looked(mailbox(store, handled="delete")) == ("", 3, 1)
    assert set(store.mails) == {2, 3}
    assert ours.dmarc_reports.get().org == "google.com"


def test_pop3_deletes_when_the_session_has_ended_well(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Pop(MAILS) as store:
        store.faults["drop_at_quit"] = 1
        row = mailbox(store, handled="delete")
        assert looked(row) == (Problem.TALK, 4, 2)
        assert set(store.mails) == set(MAILS)
    assert IncomingReport.objects.count() == 2


@pytest.mark.parametrize("kind", [Imap, Pop])
def test_a_connection_that_drops_in_mid_fetch_loses_and_doubles_nothing(
    kind: type[Store], mailbox: Callable[..., ReturnMailbox]
) -> None:
    with kind(MAILS) as store:
        row = mailbox(store)
        store.faults["drop_in_fetch"] = 1
        assert looked(row)[::2] == (Problem.TALK, 0)
        assert looked(row, replace(Bounds(), fetched=1)) == ("", 1, 1)
        store.faults["drop_in_fetch"] = 1
        assert looked(row)[0] == Problem.TALK
        assert looked(row) == ("", 4, 2)
    assert IncomingReport.objects.count() == 2


def test_a_folder_that_was_made_anew_is_read_from_its_start(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        row = mailbox(store)
        looked(row)
        store.uid_validity, store.mails = 8, {1: bounce("two"), 2: bounce("new")}
        assert looked(row) == ("", 6, 4)
    assert IncomingReport.objects.count() == 3  # "two" was known


@pytest.mark.parametrize(
    ("kind", "fault", "problem"),
    [
        (Imap, "endless_search", Problem.LIMIT),
        (Imap, "huge_literal", Problem.LIMIT),
        (Imap, "sign_in", Problem.SIGN_IN),
        (Pop, "endless_list", Problem.LIMIT),
        (Pop, "many_listed", Problem.LIMIT),
        (Pop, "sign_in", Problem.SIGN_IN),
    ],
)
def test_a_hostile_server_is_left_at_a_bound(
    kind: type[Store], fault: str, problem: str, mailbox: Callable[..., ReturnMailbox]
) -> None:
    with kind(MAILS) as store:
        row = mailbox(store)
        store.faults[fault] = 1
        assert looked(row, TIGHT) == (problem, 0, 0)
        assert looked(row, TIGHT) == ("", 4, 2)


def test_an_endless_mail_is_cut_and_stops_no_other(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Pop(MAILS) as store:
        row = mailbox(store)
        store.faults["endless_line"] = 1
        assert looked(row, TIGHT) == (Problem.LIMIT, 1, 0)
        assert looked(row, TIGHT) == ("", 4, 1)


def test_a_full_archive_is_told_and_the_report_is_kept(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        store.faults["no_move"] = 1
        row = mailbox(store, handled="move", move_to="Done")
        assert looked(row) == (Problem.MOVE, 1, 1)
        assert "quota" in row.problem_said
        assert looked(row) == ("", 4, 2)


@pytest.mark.parametrize("kind", [Imap, Pop])
@pytest.mark.parametrize("security", ["starttls", "implicit"])
def test_tls_is_verified(
    kind: type[Store],
    security: str,
    mailbox: Callable[..., ReturnMailbox],
    server_cert: str,
    ca: trustme.CA,
    tmp_path: Any,
) -> None:
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with kind(MAILS, certificate=server_cert, implicit=security == "implicit") as store:
        row = mailbox(store, security=security)
        trouble = try_out(row)
        assert trouble is not None and trouble.problem == Problem.TLS
        row.ca_file = str(tmp_path / "ca.pem")
        assert try_out(row) is None
        row.save()
        assert looked(row) == ("", 4, 2)


def test_what_is_wrong_is_told_apart(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        row = mailbox(store, folder="Missing")
        assert looked(row)[0] == Problem.FOLDER
    assert looked(row)[0] == Problem.CONNECT


def test_each_is_looked_into_when_it_is_due_and_by_one_only(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        row = mailbox(store)
        assert look_due() is False
        row.refresh_from_db()
        assert row.seen == 4
        store.mails[10] = bounce("later")
        look_due()
        row.refresh_from_db()
        assert row.seen == 4  # not due yet
        ReturnMailbox.objects.update(enabled=False, due_at=row.created_at)
        look_due()
        row.refresh_from_db()
        assert row.seen == 4


def test_a_server_that_hangs_holds_one_worker(mailbox: Callable[..., ReturnMailbox]) -> None:
    with Imap(MAILS) as store:
        hanging, other = mailbox(store, name="Hangs"), mailbox(store)
        ReturnMailbox.objects.filter(pk=hanging.pk).update(claimed_until=timezone.now() + timedelta(minutes=1))
        look_due()
        other.refresh_from_db()
        assert other.looked_at is None
        ReturnMailbox.objects.filter(pk=hanging.pk).update(claimed_until=timezone.now(), enabled=False)
        look_due()
        other.refresh_from_db()
        assert other.seen == 4


def test_the_return_path_is_found_in_the_header_only() -> None:
    token = f"{keyring().return_path_local(5)}@bounce.example.com"
    assert return_path(f"Delivered-To: all@example.com\nX-Original-To: {token.upper()}\n\nx".encode()) == token
    assert return_path(f"To: Aki\r\n <{token}>\r\n\r\n".encode()) == token
    assert return_path(f"Subject: {token}\r\n\r\nTo: {token}\r\n".encode()) == ""


FORM = {
    "name": "Returns", "protocol": "imap", "host": "imap.example.com", "port": "993", "security": "implicit",
    "username": "bounces", "password": "s3cret-kamome", "folder": "INBOX", "handled": "leave", "enabled": "on",
}  # fmt: skip


def test_the_settings_page_keeps_a_mailbox_and_never_shows_its_password(client: Client) -> None:
    workspace = make_workspace()
    client.force_login(make_member(workspace, is_install_admin=True))
    assert client.post(reverse("delivery:mailbox_new"), FORM | {"password": ""}).status_code == 422
    assert client.post(reverse("delivery:mailbox_new"), FORM | {"handled": "move"}).status_code == 422
    client.post(reverse("delivery:mailbox_new"), FORM)
    made = ReturnMailbox.objects.get()
    page = reverse("delivery:mailbox", args=[made.pk])
    ReturnMailbox.objects.update(uid_next=50)
    client.post(page, FORM | {"password": "", "handled": "delete"})
    made.refresh_from_db()
    assert fields.reveal(made, "password_sealed") == "s3cret-kamome" and made.uid_next == 50
    client.post(page, FORM | {"folder": "Returns"})
    made.refresh_from_db()
    assert made.uid_next == 1  # another folder has UIDs of its own
    assert b"kamome" not in client.get(page).content + client.get(reverse("delivery:inlets")).content
    client.post(reverse("delivery:mailbox_remove", args=[made.pk]))
    assert not ReturnMailbox.objects.exists()


def test_the_page_tries_and_looks(client: Client, mailbox: Callable[..., ReturnMailbox]) -> None:
    client.force_login(make_member(make_workspace(), is_install_admin=True))
    with Imap(MAILS) as store:
        row = mailbox(store)
        assert b"can be read" in client.post(reverse("delivery:mailbox_test", args=[row.pk])).content
        client.post(reverse("delivery:mailbox_look", args=[row.pk]))
        assert b"4 mails seen, 2 reports taken" in client.get(reverse("delivery:mailbox", args=[row.pk])).content
    assert b"does not answer" in client.post(reverse("delivery:mailbox_test", args=[row.pk])).content
