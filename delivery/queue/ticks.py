"""What the clock does to mailings: brake, start, expand, give up, cancel, finish. Each call is a slice of seconds."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from delivery import brakes, people_sets, refusal_brakes, stopping
from delivery.models import Mailing, PeopleSet
from delivery.queue import events, expand, remainders, waves

SLICE_SECONDS = 4.0
State = Mailing.State

# Mail that is nothing if late; of a campaign each is given up by their own tries (delivery.queue.settle).
_GIVEN_UP = """
    SELECT id FROM delivery_mailing
    WHERE state = 'sending' AND kind NOT IN ('campaign', 'relayed')
        AND started_at + stood_still + give_up_after * %s < now() ORDER BY id
"""


def advance(seconds: float = SLICE_SECONDS) -> bool:
    """Do what is due. True when time ran out before the work did. Each kind of work has its share of the time, so that
    a long one holds none of the others up."""
    brakes.look()
    refusal_brakes.look()
    waves.advance()
    start_due()
    steps = (_expand, _gather, _give_up, _cancel, _forget, _stop)
    more = [step(time.monotonic() + seconds / len(steps)) for step in steps]
    finish()
    return any(more)


def start_due() -> int:
    """Mailings whose time has come begin to expand."""
    return sum(_start(mailing) for mailing in Mailing.objects.filter(state=State.WAITING).order_by("start_at", "id"))


@transaction.atomic
def _start(mailing: Mailing) -> int:
    due = Mailing.objects.select_for_update(of=("self",), skip_locked=True, no_key=True).filter(
        pk=mailing.pk, state=State.WAITING
    )
    found = due.first()
    if found is None or (found.start_at and found.start_at > timezone.now()):
        return 0
    if not found.may_leave:
        return 0  # its domain was taken out of service since: it waits, and can be taken back
    if found.people_set is not None and found.people_set.gathered_at is None:
        return 0  # its people are not all known yet
    Mailing.objects.filter(pk=found.pk).update(state=State.EXPANDING)
    events.state_changed(found, State.EXPANDING)
    return 1


def _expand(deadline: float) -> bool:
    """A slice of each in turn, so that a small one does not wait for a large one."""
    keys = list(Mailing.objects.filter(state=State.EXPANDING).order_by("id").values_list("pk", flat=True))
    while keys:
        keys = [key for key in keys if expand.expand(key)]
        if keys and time.monotonic() > deadline:
            return True
    return False


def _give_up(deadline: float) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN_UP, [settings.TIME_SCALE])
        keys = [row[0] for row in cursor.fetchall()]
    return any(_slices(remainders.expire_slice, key, deadline) for key in keys)


def _cancel(deadline: float) -> bool:
    stopped = Mailing.objects.filter(state=State.STOPPED, finished_at=None).order_by("id").values_list("pk", flat=True)
    for key in stopped:
        expand.abandon(key)
    return any(_slices(remainders.cancel_slice, key, deadline) for key in stopped)


def _gather(deadline: float) -> bool:
    keys = PeopleSet.objects.filter(gathered_at=None, dropped_at=None).order_by("id").values_list("pk", flat=True)
    return any(_slices(people_sets.gather, key, deadline) for key in keys)


def _forget(deadline: float) -> bool:
    keys = PeopleSet.objects.filter(dropped_at__isnull=False).order_by("id").values_list("pk", flat=True)
    return any(_slices(people_sets.forget, key, deadline) for key in keys)


def _stop(deadline: float) -> bool:
    """Addresses that a person decided to stop."""
    while stopping.advance():
        if time.monotonic() > deadline:
            return True
    return False


def _slices(slice_of: object, mailing: int, deadline: float) -> bool:
    while slice_of(mailing):  # type: ignore[operator]
        if time.monotonic() > deadline:
            return True
    return False


def finish() -> int:
    """Mailings with nobody left are finished; stopped ones have ended."""
    ended = 0
    for mailing in Mailing.objects.filter(state=State.SENDING) | Mailing.objects.filter(
        state=State.STOPPED, finished_at=None
    ):
        if not remainders.unfinished(mailing):
            ended += _finish(mailing.pk)
    return ended


@transaction.atomic
def _finish(key: int) -> int:
    mailing = Mailing.objects.select_for_update(of=("self",), no_key=True).get(pk=key)
    if remainders.unfinished(mailing):
        return 0
    if mailing.state == State.STOPPED:
        Mailing.objects.filter(pk=key).update(finished_at=timezone.now())
        return 1
    if mailing.state != State.SENDING:
        return 0
    Mailing.objects.filter(pk=key).update(state=State.FINISHED, finished_at=timezone.now())
    events.state_changed(mailing, State.FINISHED)
    return 1
