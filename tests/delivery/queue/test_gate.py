"""The gate and what follows from it, without a wire: who passes, who goes back, who is held, who decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from contacts import subscriptions
from contacts.models import Suppression
from delivery import mailings
from delivery.journal import Journal, of_dead
from delivery.models import (
    Attempt,
    Bucket,
    Deferral,
    Lease,
    Mailing,
    Message,
    MessageException,
    MessageState,
    Route,
    Run,
)  # fmt: skip
from delivery.queue import ending, gate, leasing, recovery, ticks
from delivery.queue.counts import counts
from delivery.queue.leasing import Worker
from delivery.queue.outcomes import Outcome, returned
from delivery.smtp.replies import Phase, Reply
from tests.delivery.queue import world
from tests.delivery.queue.world import rules, sending, states

pytestmark = pytest.mark.django_db(transaction=True)
HERE = Worker("host:1:1", "host")


def test_the_gate_lets_through_whoever_may_still_be_mailed_and_says_why_not() -> None:
    mailing = sending(4)
    claim = leasing.take(HERE)
    assert claim
    first, second, third, _ = Message.objects.order_by("pk").select_related("contact")
    assert first.contact and second.contact and third.contact
    subscriptions.suppress(mailing.workspace, first.contact.address_key, Suppression.Reason.COMPLAINT, source="test")
    subscriptions.unsubscribe(second.contact, source="test")
    third.contact.erased_at = timezone.now()
    third.contact.save()

    passed = gate.pass_through(claim, rules(mailing), claim.ids)

    assert [r.rcpt for r in passed.recipients] == ["p3@example.net"]
    assert passed.refused == {first.pk: "complained", second.pk: "unsubscribed", third.pk: "erased"}
    assert Attempt.objects.get(lease_id=claim.lease).ids == [claim.ids[3]]
    assert counts(mailing).on_the_way == 1


@pytest.mark.parametrize("what", ["paused", "stopped", "fenced", "route paused", "route closed"])
def test_nothing_is_marked_once_the_lease_no_longer_holds(what: str) -> None:
    mailing = sending(3)
    claim = leasing.take(HERE)
    assert claim
    if what == "paused":
        mailings.pause(mailing)
    elif what == "stopped":
        mailings.stop(mailing)
    elif what == "fenced":
        Lease.objects.update(fence=2)
    elif what == "route paused":
        Route.objects.update(paused_at=timezone.now())
    else:
        Bucket.objects.create(key=f"route:{claim.route}", closed_until=timezone.now() + timezone.timedelta(minutes=1))
    came_in = Outcome(claim.ids[0], MessageState.DELIVERED, costs=1)

    passed = gate.pass_through(claim, rules(mailing), claim.ids, [came_in])

    assert not passed.open
    assert not passed.recipients
    log = Attempt.objects.filter(mailing_id=mailing.pk)
    assert not log.filter(ids__isnull=False).exists()
    assert log.get().message_id == claim.ids[0], "a true outcome counts all the same"


def test_what_was_not_asked_for_goes_back_to_its_run_at_no_cost() -> None:
    mailing = sending(10)
    claim = leasing.take(HERE)
    assert claim
    gate.pass_through(claim, rules(mailing), claim.ids[:4])
    delivered = [Outcome(message, MessageState.DELIVERED, costs=1) for message in claim.ids[:4]]

    ending.end(claim, delivered, unrecorded=delivered, unasked=claim.ids[4:])

    run = Run.objects.get()
    assert (run.cursor, run.last) == (claim.ids[4], claim.ids[-1])
    assert states(mailing) == {"delivered": 4, "queued": 6}
    told = counts(mailing)
    assert (told.delivered, told.waiting, told.on_the_way) == (4, 6, 0)


def test_campaigns_take_turns_and_a_password_reset_goes_first() -> None:
    here = world.make()
    here.people(f"p{n}@example.net" for n in range(5_000))
    first, second = here.mailing(), here.mailing()
    ticks.advance(60)
    taken = [leasing.take(HERE) for _ in range(4)]
    notice = mailings.post(
        workspace=here.workspace, kind=Mailing.Kind.NOTICE, content=here.content, from_address=here.from_address,
        routes=[here.route], rcpts=["somebody@example.net"],
    )  # fmt: skip
    urgent = leasing.take(HERE)

    assert [claim.mailing for claim in taken if claim] == [first.pk, second.pk, first.pk, second.pk]
    assert urgent and urgent.mailing == notice.pk


def test_the_poisonous_message_is_tried_alone_then_held() -> None:
    mailing = sending(3)
    victim = Message.objects.order_by("pk")[1].pk
    Deferral.objects.create(message_id=victim, mailing=mailing, lane="all", due_at=timezone.now(), crashes=2)
    claim = leasing.take(HERE, deferred_first=True)
    assert claim and claim.ids == [victim] and claim.one_by_one
    gate.pass_through(claim, rules(mailing), claim.ids)
    lease = Lease.objects.get(pk=claim.lease)
    left = recovery.Left(recovery.Try(victim), 2, timezone.now(), None, None, False, building=True)

    recovery._settle(lease, [left], journal_known=True)

    assert Message.objects.get(pk=victim).state == MessageState.HELD
    assert counts(mailing).held == 1
    assert mailings.release_held(mailing) == 1
    assert Message.objects.get(pk=victim).state == MessageState.QUEUED
    assert not MessageException.objects.exists()


def test_a_lost_worker_of_the_sandbox_costs_nobody_half_an_hour(tmp_path: Path) -> None:
    """What was answered before the end is judged as that route's answer would have been."""
    mailing = sending(1, kind=Route.Kind.SANDBOX)
    claim = leasing.take(HERE)
    assert claim
    gate.pass_through(claim, rules(mailing), claim.ids)
    journal = Journal(tmp_path, HERE.name)
    journal.dot(claim.lease, claim.ids[0])
    journal.reply(claim.lease, claim.ids[0], Reply(451, "4.7.0 later", None, Phase.DOT))
    journal.close(owes=True)

    assert recovery.recover(HERE.host, tmp_path) == 1

    assert Message.objects.get().state == MessageState.DEFERRED
    assert Deferral.objects.get().due_at - timezone.now() < timezone.timedelta(seconds=30)


def lost_before_the_dot(folder: Path) -> Mailing:
    """A message that is marked and had no dot, of a worker that is dead."""
    mailing = sending(1)
    claim = leasing.take(HERE)
    assert claim
    gate.pass_through(claim, rules(mailing), claim.ids)
    Journal(folder, HERE.name).close(owes=True)
    return mailing


def test_a_process_that_only_looks_is_not_taken_for_the_worker(tmp_path: Path) -> None:
    """Several start at once, hours after the end: none may recover from the marks alone while the journal is there."""
    mailing = lost_before_the_dot(tmp_path)
    Lease.objects.update(lease_until=timezone.now() - timezone.timedelta(hours=1))

    with of_dead(tmp_path, HERE.name):
        assert recovery.recover(HERE.host, tmp_path) == 1

    assert states(mailing) == {"queued": 1}


def test_what_one_process_recovers_the_others_leave_alone_for_a_while(tmp_path: Path) -> None:
    mailing = lost_before_the_dot(tmp_path)
    Lease.objects.update(fence=2)  # it has begun

    assert recovery.recover(HERE.host, tmp_path) == 0
    Lease.objects.update(lease_until=timezone.now())  # and has died over it
    assert recovery.recover(HERE.host, tmp_path) == 1

    assert states(mailing) == {"queued": 1}


@pytest.mark.parametrize("what", ["end", "flush"])
def test_who_was_never_marked_does_not_wait_twice_once_the_lease_is_lost(what: str, tmp_path: Path) -> None:
    """The gate's answer was lost with the database, and so was the mark; meanwhile another worker has them."""
    mailing = sending(3)
    claim = leasing.take(HERE)
    assert claim
    Lease.objects.update(lease_until=timezone.now() - timezone.timedelta(hours=1))
    assert recovery.recover(HERE.host, tmp_path) == 1
    other = leasing.take(HERE)
    assert other
    gate.pass_through(other, rules(mailing), other.ids)
    back = [returned(message) for message in claim.ids]

    if what == "end":
        ending.end(claim, back, unrecorded=back, once=True)
    else:
        ending.flush(claim, back, marked=0)

    assert not Deferral.objects.exists()
    assert leasing.take(HERE) is None


@pytest.mark.parametrize("what", ["end", "flush"])
def test_who_is_tried_again_is_left_alone_by_the_worker_that_lost_them(what: str, tmp_path: Path) -> None:
    """It had recorded that they wait, and was stopped for so long that another worker has them now."""
    mailing = sending(1)
    claim = leasing.take(HERE)
    assert claim
    gate.pass_through(claim, rules(mailing), claim.ids)
    later = Outcome(claim.ids[0], MessageState.DEFERRED, "greylisted", delay=300.0, costs=1, failing=True)
    gate.pass_through(claim, rules(mailing), [], [later])
    Lease.objects.update(lease_until=timezone.now() - timezone.timedelta(hours=1))
    assert recovery.recover(HERE.host, tmp_path) == 1
    Deferral.objects.update(due_at=timezone.now())
    other = leasing.take(HERE)
    assert other
    gate.pass_through(other, rules(mailing), other.ids)
    attempts = Message.objects.get().attempts

    if what == "end":
        ending.end(claim, [later], once=True)
    else:
        ending.flush(claim, [later], marked=1)

    assert Deferral.objects.get().lease_id == other.lease
    assert Message.objects.get().attempts == attempts
    assert leasing.take(HERE) is None


def two_held() -> Mailing:
    """A mailing whose two people both are held."""
    mailing = sending(2)
    claim = leasing.take(HERE)
    assert claim
    gate.pass_through(claim, rules(mailing), claim.ids)
    held = [Outcome(message, MessageState.HELD, "render_error") for message in claim.ids]
    ending.end(claim, held, unrecorded=held)
    return mailing


def test_dropping_the_held_cancels_them() -> None:
    mailing = two_held()
    ticks.advance()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING, "a person must decide"

    assert mailings.drop_held(mailing) == 2
    ticks.advance()

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.FINISHED
    assert counts(mailing).not_sent == 2


def test_a_stop_also_ends_it_for_the_held() -> None:
    mailing = two_held()

    mailings.stop(mailing)
    ticks.advance()

    mailing.refresh_from_db()
    assert mailing.finished_at and (counts(mailing).held, counts(mailing).not_sent) == (0, 2)
    assert set(Message.objects.values_list("state", "cause")) == {(MessageState.CANCELLED, "stopped")}
