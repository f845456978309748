"""Whoever a receiver keeps refusing is given up by their own tries; whom only we keep waiting never is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from delivery import mailings
from delivery.models import Attempt, Bucket, Deferral, Mailing, Message, MessageState, WarmUp
from delivery.queue import ticks
from delivery.queue.outcomes import Outcome, Try, decide, held, returned
from delivery.queue.settle import record, settle
from delivery.sender.thread import SendThread
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db
LATER = Reply(451, "4.3.0 try later", None, Phase.RCPT)
REFUSED = Fault.CONNECT_REFUSED.reply(Phase.CONNECT)


def came(mailing: Mailing, outcome: Outcome) -> None:
    record([outcome], lease=0, fence=0, mailing=mailing.pk, route=None)
    settle([outcome], mailing=mailing.pk, lane="all", site=None)


def tried(mailing: Mailing, message: Message, hours_ago: float) -> None:
    """Its first try failed so long ago."""
    came(mailing, decide(Try(message.pk), LATER, 0.5))
    Deferral.objects.filter(message=message).update(tried_at=timezone.now() - dt.timedelta(hours=hours_ago))


def one(**columns: Any) -> tuple[Mailing, Message]:
    mailing = world.sending(1)
    Mailing.objects.update(started_at=timezone.now() - dt.timedelta(hours=400), **columns)
    return mailing, Message.objects.get()


def state(message: Message) -> tuple[MessageState, str | None]:
    message.refresh_from_db()
    return MessageState(message.state), message.cause


def test_nobody_who_was_never_tried_is_given_up() -> None:
    mailing, message = one()
    ticks.advance()
    assert state(message)[0] == MessageState.QUEUED
    came(mailing, returned(message.pk, 60.0))
    came(mailing, decide(Try(message.pk, smarthost=True), REFUSED, 0.5))  # our own route is down
    ticks.advance()
    assert (state(message)[0], Deferral.objects.get().tried_at) == (MessageState.QUEUED, None)


@pytest.mark.parametrize(
    ("hours", "again", "end"),
    [
        (71.9, decide(Try(0), LATER, 0.5), MessageState.DEFERRED),
        (72.1, decide(Try(0), LATER, 0.5), MessageState.FAILED),
        (72.1, decide(Try(0), REFUSED, 0.5), MessageState.FAILED),
        (72.1, returned(0, failing=True), MessageState.FAILED),  # nobody is let through to a site that is closed
        (400, returned(0), MessageState.DEFERRED),  # a limit, a pause: they get their try
        (400, decide(Try(0, smarthost=True), REFUSED, 0.5), MessageState.DEFERRED),
        (400, decide(Try(0), Reply(250, "2.0.0 ok", None, Phase.DOT), 0.5), MessageState.DELIVERED),
    ],
)
def test_given_up_when_a_try_fails_and_the_first_was_72_hours_ago(
    hours: float, again: Outcome, end: MessageState
) -> None:
    mailing, message = one()
    tried(mailing, message, hours)
    ticks.advance()
    assert state(message)[0] == MessageState.DEFERRED, "the clock alone gives up nobody"
    again.message = message.pk
    came(mailing, again)
    assert state(message) == (end, "expired" if end == MessageState.FAILED else message.cause)
    if end == MessageState.FAILED:
        assert not Deferral.objects.exists()
        results = Attempt.objects.filter(message_id=message.pk).order_by("id").values_list("result", "cause")
        assert list(results)[-1] == (MessageState.FAILED, "expired")
        assert mailing.tallies.get(name="failed").n == 1
        assert mailing.tallies.get(name="deferred").n == 0


def test_a_server_that_cannot_be_reached_starts_the_time_too() -> None:
    mailing, message = one()
    came(mailing, decide(Try(message.pk), REFUSED, 0.5))
    first = Deferral.objects.get().tried_at
    came(mailing, decide(Try(message.pk), LATER, 0.5))
    assert first is not None and Deferral.objects.get().tried_at == first


def test_a_pause_stops_their_time() -> None:
    mailing, message = one()
    tried(mailing, message, 71)
    assert mailings.pause(mailing)
    away = dt.timedelta(hours=80)
    Mailing.objects.update(paused_at=F("paused_at") - away)
    Deferral.objects.update(tried_at=F("tried_at") - away)
    assert mailings.resume(mailing)
    came(mailing, decide(Try(message.pk), LATER, 0.5))
    assert state(message)[0] == MessageState.DEFERRED
    Deferral.objects.update(tried_at=F("tried_at") - dt.timedelta(hours=1.1))
    came(mailing, decide(Try(message.pk), LATER, 0.5))
    assert state(message)[0] == MessageState.FAILED


def test_the_last_try_is_at_the_end_of_the_time() -> None:
    mailing, message = one()
    tried(mailing, message, 70)
    again = decide(Try(message.pk, attempts=9), LATER, 0.5)  # eight hours
    came(mailing, again)
    left = Deferral.objects.get().due_at - timezone.now()
    assert abs(left - dt.timedelta(seconds=again.delay / 2)) < dt.timedelta(seconds=5), "not too soon after this one"
    Deferral.objects.update(tried_at=timezone.now() - dt.timedelta(hours=66))
    came(mailing, again)
    left = Deferral.objects.get().due_at - timezone.now()
    assert abs(left - dt.timedelta(hours=6)) < dt.timedelta(seconds=5)


def test_who_is_tried_again_after_a_person_decided_has_all_the_time_anew() -> None:
    mailing, message = one()
    tried(mailing, message, 80)
    came(mailing, held(message.pk, "render_error"))
    assert mailings.release_held(mailing) == 1
    assert Deferral.objects.get().tried_at is None


def test_mail_that_is_nothing_if_late_is_given_up_by_the_clock() -> None:
    mailing, message = one(kind=Mailing.Kind.TEST)
    tried(mailing, message, 1)
    came(mailing, held(message.pk, "render_error"))
    assert mailings.release_held(mailing) == 1
    ticks.advance()
    assert state(message)[0] == MessageState.QUEUED, "put back by a person, from now on"
    Mailing.objects.update(stood_still=dt.timedelta())
    ticks.advance()
    assert state(message) == (MessageState.FAILED, "expired")


@pytest.mark.django_db(transaction=True)
def test_a_warm_up_that_lasts_longer_than_the_time_to_give_up(smtp_server: Receiver, send_thread: SendThread) -> None:
    mailing = world.sending(5, smtp_server)
    route = mailing.routes.get()
    start = timezone.now() - dt.timedelta(hours=1)
    WarmUp.objects.create(route=route, starts_at=start, caps=[3] * 14)
    world.run(send_thread, lambda: world.states(mailing).get("delivered") == 3)

    Mailing.objects.update(started_at=start - dt.timedelta(days=9))
    ticks.advance()
    assert world.states(mailing) == {"delivered": 3, "queued": 2}
    Bucket.objects.update(day_slots_at=F("day_slots_at") - dt.timedelta(days=2))  # their day has come
    world.rows("UPDATE delivery_run SET not_before = NULL RETURNING 1")
    Deferral.objects.update(due_at=timezone.now())
    world.run(send_thread, world.ended(mailing))
    assert world.states(mailing) == {"delivered": 5}
