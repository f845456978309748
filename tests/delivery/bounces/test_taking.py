"""What comes back is stored once and belongs to nobody without a token that we signed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from contacts import people
from delivery.bounces import taking
from delivery.bounces.report import Kind, Report
from delivery.bounces.taking import take, take_report
from delivery.keyring import keyring
from delivery.models import AddressFailure, Attempt, IncomingReport, Inlet, Message
from delivery.tokens import Key, Keyring, WebPurpose
from tests.delivery.bounces.mails import dsn, return_path
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db

Result = IncomingReport.Result
STRANGER = Keyring((Key("a", b"x" * 32),))


@pytest.fixture
def message() -> Message:
    return world.told(world.sending(1))[0]


def test_a_report_is_kept_as_it_came_and_belongs_to_the_message_of_its_token(message: Message) -> None:
    raw = dsn(message.rcpt) + b"\xff\x00"
    taken = take(raw, inlet=Inlet.LISTENER, rcpt=return_path(message))
    row = IncomingReport.objects.get(pk=taken.report)
    assert (row.raw, row.size, row.kind) == (raw, len(raw), "bounce")
    assert (row.message_id, row.contact_id) == (message.pk, message.contact_id)
    assert row.workspace_id == message.mailing.workspace_id
    (told,) = row.told
    assert (told["recipient"], told["action"], told["code"], told["cause"]) == (
        message.rcpt, "failed", 550, "no_such_user",
    )  # fmt: skip


def test_the_same_mail_to_the_same_address_is_a_replay_and_to_another_one_is_not(message: Message) -> None:
    raw, rcpt = dsn(message.rcpt), return_path(message)
    assert take(raw, inlet=Inlet.LISTENER, rcpt="").new, "somebody who guessed it was first"
    first = take(raw, inlet=Inlet.LISTENER, rcpt=rcpt)
    again = take(raw, inlet=Inlet.IMAP, rcpt=rcpt.upper())
    assert (first.new, again.new, again.report) == (True, False, first.report)


def test_an_event_that_was_read_elsewhere_is_taken_once_by_its_key(message: Message) -> None:
    def event(key: str) -> taking.Taken:
        return take_report(
            Report(Kind.OTHER), inlet=Inlet.SES, token=keyring().return_path_local(message.pk), source="Delivery",
            key=key, raw=b"{}",
        )  # fmt: skip

    first, again, long = event("ses:1\0"), event("ses:1\0"), event("ses:" + "1" * 300)
    assert (first.new, again.new, long.new, again.report) == (True, False, True, first.report)
    assert IncomingReport.objects.get(pk=first.report).message_id == message.pk


def test_only_so_much_of_a_mail_is_kept(message: Message) -> None:
    raw = dsn(message.rcpt) + b"x" * 400_000
    for rcpt, kept in ((return_path(message), taking.RAW_KEPT), ("", taking.NOBODYS_RAW_KEPT)):
        row = IncomingReport.objects.get(pk=take(raw, inlet=Inlet.POP3, rcpt=rcpt).report)
        assert (len(row.raw), row.size) == (kept, len(raw))


def test_whose_message_it_is_only_our_signature_tells(message: Message) -> None:
    key, mailing = message.pk, message.mailing_id
    good = keyring().return_path_local(key)
    cases = {
        f"{good}@bounce.example.com": "",
        f"<{good.upper()}@bounce.example.com>": "",
        good: "",
        "": Result.NO_TOKEN,
        message.rcpt: Result.NO_TOKEN,
        good[:-1] + ("a" if good[-1] != "a" else "b"): Result.BAD_TOKEN,
        STRANGER.return_path_local(key): Result.BAD_TOKEN,
        keyring().web_token(WebPurpose.OPEN, mailing, key): Result.BAD_TOKEN,
        keyring().unsubscribe_token(message.contact_id or 0, mailing): Result.BAD_TOKEN,
        keyring().return_path_local(key + 1): Result.GONE,
    }
    for number, (rcpt, why) in enumerate(cases.items()):
        taken = take(dsn(message.rcpt, subject=str(number)), inlet=Inlet.LISTENER, rcpt=rcpt)
        row = IncomingReport.objects.get(pk=taken.report)
        assert (row.message_id, row.workspace_id) == ((None, None) if why else (key, message.mailing.workspace_id))
        assert (row.result if row.message_id is None else "") == why, rcpt


def test_the_reference_in_the_returned_part_stands_in_for_an_envelope_that_got_lost(message: Message) -> None:
    reference = keyring().return_path_local(message.pk)
    for rcpt in ("", "bounces@example.com", "1" + "a" * 14 + "-" + "a" * 16):
        taken = take(dsn(message.rcpt, reference=reference), inlet=Inlet.IMAP, rcpt=rcpt)
        assert IncomingReport.objects.get(pk=taken.report).message_id == message.pk, rcpt


def test_a_report_acts_for_ninety_days_after_the_last_try_and_does_not_renew_itself(message: Message) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_attempt SET at = %s", [timezone.now() - timedelta(days=89)])
    row = IncomingReport.objects.get(pk=take(dsn("a@x.example"), inlet=Inlet.IMAP, rcpt=return_path(message)).report)
    assert row.message_id == message.pk
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_attempt SET at = %s WHERE lease_id > 0", [timezone.now() - timedelta(days=91)])
    row = IncomingReport.objects.get(pk=take(dsn("b@x.example"), inlet=Inlet.IMAP, rcpt=return_path(message)).report)
    assert (row.message_id, row.result) == (None, Result.EXPIRED)


def test_nothing_of_an_erased_person_is_left_in_what_came_back(message: Message) -> None:
    taken = take(dsn(message.rcpt), inlet=Inlet.LISTENER, rcpt=return_path(message))
    assert message.contact is not None
    people.erase(message.contact)
    row = IncomingReport.objects.get(pk=taken.report)
    assert (row.raw, row.told, row.message_id) == (b"", [], message.pk)
    assert not AddressFailure.objects.exists()


def test_nothing_of_an_erased_person_comes_back_with_a_later_report(message: Message) -> None:
    assert message.contact is not None
    people.erase(message.contact)
    taken = take(
        dsn(message.rcpt, f"550 5.1.1 <{message.rcpt}> unknown"), inlet=Inlet.LISTENER, rcpt=return_path(message)
    )
    row, tried = IncomingReport.objects.get(pk=taken.report), Attempt.objects.filter(message_id=message.pk)
    assert (row.raw, row.told[0]["recipient"], row.told[0]["text"], row.told[0]["code"]) == (b"", "", "", 550)
    assert row.deeds == [IncomingReport.Deed.BOUNCED] and message.rcpt not in "".join(one.reply or "" for one in tried)
    assert not AddressFailure.objects.exists()


def test_what_a_stranger_can_have_us_keep_is_bounded() -> None:
    """The figures of docs/bounces.md."""
    said = b"550 5.1.1 " + "あ".encode() * 700
    raw = dsn("p@example.net").replace(b"550 5.1.1", said).replace(b"I'm sorry", b"\xff" * 20_000)
    other = raw[raw.index(b"Final-Recipient") : raw.index(b"--=b\r\nContent-Type: text/rfc822-headers")]
    raw = raw.replace(other, b"".join(other.replace(b"p@", b"p%d%s@" % (n, b"x" * 300)) for n in range(50)))
    row = IncomingReport.objects.get(pk=take(raw, inlet=Inlet.LISTENER).report)
    assert (row.result, len(row.told)) == (IncomingReport.Result.NO_TOKEN, 20)
    assert 40_000 < len(row.raw_sealed) < 44_000
    assert len(json.dumps(row.told, ensure_ascii=False).encode()) < 50_000
