"""What a report does: to the message, to the person, to the figures; and what it never does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.folding import fold
from analytics.reports import report
from contacts import subscriptions
from contacts.addresses import key_of
from contacts.models import List, Suppression
from delivery import stopping, stops, tracking
from delivery.bounces import effects
from delivery.bounces.taking import take
from delivery.bounces.whom import same_mailbox
from delivery.keyring import keyring
from delivery.models import (
    AddressFailure,
    Attempt,
    Event,
    IncomingReport,
    Inlet,
    Message,
    MessageException,
    MessageState,
    Watch,
)  # fmt: skip
from delivery.queue.counts import counts
from delivery.tokens import WebToken
from tests.delivery.bounces.coming_back import FULL, OFF, arrive, bounce, stopped
from tests.delivery.bounces.mails import arf, dsn
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db

Result, Deed = IncomingReport.Result, IncomingReport.Deed
BUSY = "451 4.3.2 System not accepting network messages"


@pytest.mark.django_db(transaction=True)  # what is folded is committed
def test_a_delivered_message_that_bounces_later_stays_delivered_and_is_counted_under_it() -> None:
    first, second = world.told(world.sending(2))
    row = bounce(first)
    assert (row.result, row.deeds) == (Result.DONE, [Deed.BOUNCED, Deed.STOPPED])

    first.refresh_from_db()
    assert (first.state, first.cause) == (MessageState.DELIVERED, "no_such_user")
    assert first.bounced_at is not None
    assert MessageException.objects.filter(message=first, state=MessageState.DELIVERED, cause="no_such_user").exists()
    (event,) = Event.objects.filter(kind=Event.Kind.BOUNCE_LATER)
    assert (event.message_id, event.contact_id, event.detail["cause"]) == (first.pk, first.contact_id, "no_such_user")
    suppression = Suppression.objects.get(address_key=key_of(first.rcpt))
    assert (suppression.reason, suppression.source) == ("no_such_user", "report")
    assert (suppression.detail["report"], suppression.detail["message"]) == (row.pk, first.pk)

    told = counts(first.mailing)
    assert (told.delivered, told.bounced, told.failed, told.will_receive) == (2, 1, 0, 2)
    fold()
    shown = report(first.mailing)
    assert [(one.delivered, one.failed) for one in shown.providers] == [(2, 0)]
    assert Watch.objects.get(mailing=first.mailing).unknown_users == 1, "the brakes see it"
    assert not stopped(second)


def test_a_replay_and_a_second_report_on_the_same_message_change_nothing() -> None:
    (message,) = world.told(world.sending(1))
    raw = dsn(message.rcpt, "550 5.1.1 User unknown")
    assert arrive(message, raw).pk == arrive(message, raw).pk
    again = bounce(message, "550 5.7.1 blocked using zen.spamhaus.org")
    other = bounce(message, FULL)
    assert [again.result, other.result] == [Result.REPEATED, Result.REPEATED]
    message.refresh_from_db()
    assert message.cause == "no_such_user"
    assert counts(message.mailing).bounced == 1
    assert AddressFailure.objects.count() == Event.objects.filter(kind="bounce_later").count() == 1


@pytest.mark.parametrize(
    ("said", "times", "reason"),
    [
        ("550 5.1.1 User unknown", 1, "no_such_user"),
        (OFF, 2, "inactive"),
        ("550 5.7.1 <x>: recipient has blocked the sender", 3, "refused"),
        (FULL, 5, "full"),
        ("452 4.2.2 <x>: over quota", 5, "full"),  # their relay gave up on it
        ("554 5.7.1 blocked using zen.spamhaus.org", 0, ""),
        ("550 5.7.26 This mail is unauthenticated", 0, ""),
        ("554 5.7.1 message looks like spam", 0, ""),
        ("550 5.7.1 rejected", 0, ""),
        ("450 4.1.1 <x>: unverified address", 0, ""),
        (BUSY, 0, ""),
    ],
)
def test_so_many_failures_stop_an_address_and_only_those_of_the_address(said: str, times: int, reason: str) -> None:
    here = world.make()
    here.people(["p@example.net"])
    for number in range(1, (times or 5) + 1):
        (message,) = world.expanded(here)
        (message,) = world.told(message.mailing)
        row = bounce(message, said)
        assert Deed.BOUNCED in row.deeds
        assert stopped(message) == (reason if number == times else ""), number
        assert AddressFailure.objects.count() == (number if times else 0)


def test_what_is_older_than_its_window_counts_no_more_nor_what_came_before_a_mail_that_arrived() -> None:
    here = world.make()
    here.people(["p@example.net"])

    def fail(said: str = OFF) -> Message:
        (message,) = world.told(world.expanded(here)[0].mailing)
        bounce(message, said)
        return message

    fail()
    AddressFailure.objects.update(at=timezone.now() - timedelta(days=31))
    assert not stopped(fail())
    (arrived,) = world.told(world.expanded(here)[0].mailing)
    no_report_any_more = timezone.now() - timedelta(days=6)
    Attempt.objects.filter(message_id=arrived.pk).update(at=no_report_any_more, route_id=here.route.pk)
    assert not stopped(fail())
    assert stopped(fail()) == "inactive"
    subscriptions.release(here.workspace, "p@example.net", note="They called us.")
    assert not stopped(fail()), "what was before the release is forgiven"


def test_what_a_smarthost_has_just_taken_proves_no_mailbox() -> None:
    """It takes everything, and reports later: the next campaign goes out before the last report comes."""
    here = world.make()
    here.people(["p@example.net"])
    sent = [world.told(world.expanded(here)[0].mailing)[0] for _ in range(3)]
    Attempt.objects.filter(message_id__in=[one.pk for one in sent]).update(route_id=here.route.pk)
    for message, reason in zip(sent, ("", "inactive", "inactive"), strict=True):
        bounce(message, OFF)
        assert stopped(message) == reason


def test_what_a_forward_is_refused_for_counts_against_no_campaign() -> None:
    """It broke SPF on its own."""
    here = world.make()
    here.people(["p@example.net"])
    for recipient, blocks in (("someone@gmail.com", 0), ("p@example.net", 1)):
        (message,) = world.told(world.expanded(here)[0].mailing)
        bounce(message, "550 5.7.26 This mail is unauthenticated", recipient=recipient)
        assert Watch.objects.filter(mailing=message.mailing, blocks__gt=0).count() == blocks


def test_who_forwards_to_an_address_that_is_dead_is_not_stopped_for_it_at_once() -> None:
    here = world.make()
    here.people(["p@example.net"])
    for reason in ("", "inactive"):
        (message,) = world.told(world.expanded(here)[0].mailing)
        bounce(message, recipient="old.friend@elsewhere.example")
        assert stopped(message) == reason


@pytest.mark.parametrize(
    ("rcpt", "reported", "same"),
    [
        ("p@example.net", "p@example.net", True),
        ("p@example.net", "p@mail.example.net", True),
        ("info@example.net", "p@example.net", False),  # a colleague whom a shared address is passed on to
        ("p@example.net", "", True),
        ("p@example.net", "c=us;a= ;p=example;s=p", True),
        ("p@example.net", "p@example.com", False),
        ("p@example.net", "p@gmail.com", False),
        ("p.q+news@gmail.com", "pq@googlemail.com", True),
        ("p@gmail.com", "q@gmail.com", False),
    ],
)
def test_whose_mailbox_a_report_speaks_of(rcpt: str, reported: str, same: bool) -> None:
    assert same_mailbox(rcpt, reported) is same


@pytest.mark.django_db(transaction=True)  # what is folded is committed
def test_an_unknown_outcome_is_settled_by_a_report_and_by_any_sign_of_the_person() -> None:
    people = 6
    uncertain = world.told(world.sending(people), *[MessageState.UNCERTAIN] * people)
    failing, relayed, answered, complaining, opening, leaving = uncertain
    mailing = failing.mailing
    assert counts(mailing).unknown == people

    assert bounce(failing, FULL).deeds == [Deed.FAILED, Deed.COUNTED]
    assert bounce(relayed, "250 2.0.0 ok", action="relayed").deeds == [Deed.DELIVERED]
    vacation = (
        b"From: p@example.net\r\nTo: x\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"
    )
    assert arrive(answered, vacation).deeds == [Deed.DELIVERED]
    assert arrive(complaining, arf(complaining.rcpt)).deeds == [Deed.DELIVERED, Deed.COMPLAINED, Deed.STOPPED]
    tracking.opened(WebToken(mailing.pk, opening.pk), "Mozilla/5.0")
    reader = tracking.reader(keyring().parse_unsubscribe(keyring().unsubscribe_token(leaving.contact_id, mailing.pk)))
    assert reader is not None and tracking.unsubscribe(reader, source="link")

    told = counts(mailing)
    assert (told.unknown, told.delivered, told.failed, told.will_receive) == (0, people - 1, 1, people)
    fold()
    assert [(one.delivered, one.failed, one.unknown) for one in report(mailing).providers] == [(people - 1, 1, 0)]


def test_what_reports_no_failure_does_nothing_to_a_delivered_message() -> None:
    (message,) = world.told(world.sending(1))
    for row in (
        bounce(message, "451 4.4.1 no answer from host", action="delayed"),
        bounce(message, "250 2.1.5 ok", action="delivered"),
        bounce(message, "250 2.1.5 ok", action="expanded"),
        arrive(message, b"From: p@example.net\r\nSubject: Re: News\r\n\r\nThank you! 550 5.1.1 user unknown\r\n"),
        arrive(message, arf(message.rcpt, "not-spam")),
    ):
        assert (row.result, row.deeds) == (Result.NOTHING, []), row.kind
    message.refresh_from_db()
    assert (message.bounced_at, stopped(message)) == (None, "")


def test_a_report_that_overtakes_the_outcome_of_its_message_waits_for_it() -> None:
    mailing = world.sending(2)
    early, never = Message.objects.filter(mailing=mailing).order_by("pk")
    rows = [bounce(early), bounce(never)]
    assert [row.result for row in rows] == [Result.WAITING] * 2
    assert not effects.advance() and not stopped(early)

    world.told(mailing, MessageState.DELIVERED, MessageState.QUEUED)
    effects.advance()
    rows[0].refresh_from_db()
    assert (rows[0].result, rows[0].deeds, stopped(early)) == (
        Result.DONE,
        [Deed.BOUNCED, Deed.STOPPED],
        "no_such_user",
    )

    IncomingReport.objects.filter(pk=rows[1].pk).update(received_at=timezone.now() - timedelta(minutes=16))
    effects.advance()
    rows[1].refresh_from_db()
    never.refresh_from_db()
    assert (rows[1].result, never.state, never.cause) == (Result.DONE, MessageState.FAILED, "no_such_user")


def test_a_complaint_is_lifted_only_by_the_person() -> None:
    (message,) = world.told(world.sending(1))
    assert arrive(message, arf(message.rcpt)).deeds == [Deed.COMPLAINED, Deed.STOPPED]
    assert arrive(message, arf(message.rcpt, subject="Again")).result == Result.REPEATED
    assert Event.objects.filter(kind=Event.Kind.COMPLAINT, message_id=message.pk).count() == 1
    assert Watch.objects.get(mailing=message.mailing).complaints == 1

    workspace, key, contact = message.mailing.workspace, key_of(message.rcpt) or "", message.contact
    assert not subscriptions.release(workspace, key, note="They said so.") and stopped(message) == "complaint"
    assert contact is not None
    subscriptions.resubscribe(contact, List.objects.of(workspace), source="preferences")
    assert stopped(message) == "complaint", "only by the link mailed to them: test_confirming.py"


def test_who_opts_out_at_their_provider_has_unsubscribed() -> None:
    (message,) = world.told(world.sending(1))
    assert arrive(message, arf(message.rcpt, "opt-out")).deeds == [Deed.LEFT, Deed.STOPPED]
    assert stopped(message) == "unsubscribed"
    assert Event.objects.filter(kind=Event.Kind.UNSUBSCRIBE, message_id=message.pk).exists()


def test_two_hundred_forged_reports_on_real_people_do_nothing() -> None:
    people = 50
    messages = world.told(world.sending(people))
    other = keyring().return_path_local(messages[0].pk)[:-3] + "aaa"
    for number, message in enumerate(messages):
        for raw in (dsn(message.rcpt, reference=other), arf(message.rcpt, reference=other)):
            take(raw, inlet=Inlet.LISTENER, rcpt=f"{other}@bounce.news.example.com")
            take(b"Received: by mx\r\n" + raw, inlet=Inlet.IMAP, rcpt=message.rcpt if number % 2 else "")
    reports = IncomingReport.objects.all()
    assert reports.count() == people * 4
    assert not reports.exclude(result=Result.BAD_TOKEN).exists()
    assert not reports.exclude(message_id=None, workspace=None, deeds=[]).exists()
    assert not Suppression.objects.exists() and not AddressFailure.objects.exists() and not Event.objects.exclude(
        kind=Event.Kind.STATE
    ).exists()  # fmt: skip
    assert not Message.objects.filter(bounced_at__isnull=False).exists()


def test_when_suspiciously_many_would_be_stopped_a_person_looks_first() -> None:
    most = stops.LEAST_STOPPED
    messages = world.told(world.sending(most + 3))
    workspace = messages[0].mailing.workspace
    for message in messages:
        bounce(message)
    assert Suppression.objects.active().count() == most
    held = AddressFailure.objects.filter(state=AddressFailure.State.HELD)
    assert held.count() == 3
    assert IncomingReport.objects.latest("pk").deeds == [Deed.BOUNCED, Deed.HELD]

    again, *_ = held.order_by("pk")
    assert stopping.decide(workspace, stop=True, actor=None) == 3
    while stopping.advance():
        pass
    assert Suppression.objects.active().count() == most + 3
    assert stopping.decide(workspace, stop=False, actor=None) == 0, "decided before"
    again.refresh_from_db()
    assert again.state == AddressFailure.State.STOPPED
