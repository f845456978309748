"""People who still wait when something ends: given back, cancelled, expired, queued once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from delivery import stops
from delivery.knowledge import CAUSES, Category
from delivery.models import Mailing, Message, MessageState, Run
from delivery.queue import lanes
from delivery.queue.outcomes import Outcome, cancelled
from delivery.queue.settle import record, settle

SLICE = 5_000
STOPPED = "stopped"
DROPPED = "dropped"
EXPIRED = "expired"

_NO_LEASE = 0

_REQUEUE = """
    WITH again AS (
        DELETE FROM delivery_messageexception WHERE message_id IN (
            SELECT message_id FROM delivery_messageexception WHERE mailing_id = %(mailing)s AND state = %(held)s
            ORDER BY message_id LIMIT %(most)s
        ) RETURNING message_id
    ), queued AS (
        UPDATE delivery_message SET state = 0, cause = NULL FROM again WHERE id = message_id AND state = %(held)s
        RETURNING id
    ), waiting AS (
        INSERT INTO delivery_deferral (message_id, mailing_id, lane, due_at, attempt, crashes)
        SELECT id, %(mailing)s, %(lane)s, now(), 0, 0 FROM queued
        ON CONFLICT (message_id) DO UPDATE SET due_at = now(), lease_id = NULL, crashes = 0
    ), tallied AS (
        UPDATE delivery_tally SET n = n - (SELECT count(*) FROM queued)
        WHERE mailing_id = %(mailing)s AND name = 'held'
    )
    SELECT id FROM queued ORDER BY id
"""


def give_back(*, run: int, mailing: int, lane: str, site: int | None, lo: int, hi: int, rest: float = 0.0) -> None:
    """Ids lo..hi were not started. Their run takes them, or a new run if it has gone on since. Within a transaction."""
    if hi < lo:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_run SET cursor = %s, not_before = now() + %s * interval '1 second'"
            " WHERE id = %s AND cursor = %s",
            [lo, rest, run, hi + 1],
        )
        if not cursor.rowcount:
            # Its turn is that of the run it came from: first in, first out.
            cursor.execute(
                "INSERT INTO delivery_run (mailing_id, lane, site_id, first, last, cursor, turn, not_before)"
                " SELECT mailing_id, lane, site_id, %s, %s, %s, turn, now() + %s * interval '1 second'"
                " FROM delivery_run WHERE id = %s",
                [lo, hi, lo, rest, run],
            )


def release_held(mailing: int) -> int:
    """Everyone who was held waits again, due now."""
    number = 0
    for ids in _requeued(mailing):
        again = [Outcome(message, MessageState.QUEUED) for message in ids]
        record(again, lease=_NO_LEASE, fence=0, mailing=mailing, route=None)
        number += len(ids)
    return number


def cancel_held(mailing: int) -> int:
    """Who was held will not get it: they go through the queue's own statements, by way of waiting."""
    number = 0
    for ids in _requeued(mailing):
        _end(mailing, [cancelled(message, DROPPED) for message in ids])
        number += len(ids)
    return number


def _requeued(mailing: int) -> Iterator[list[int]]:
    one = Run.objects.filter(mailing=mailing, lane=lanes.ALL).exists()
    parameters: dict[str, Any] = {
        "mailing": mailing, "held": int(MessageState.HELD), "most": SLICE,
        "lane": lanes.ALL if one else lanes.MIXED,
    }  # fmt: skip
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_REQUEUE, parameters)
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return
        yield ids


@transaction.atomic
def cancel_slice(mailing: int) -> bool:
    """Some of a stopped mailing's people are cancelled, those who are held first. True while there may be more."""
    held = next(_requeued(mailing), [])
    _end(mailing, [cancelled(message, STOPPED) for message in held])
    return bool(held) or _slice(mailing, lambda message: cancelled(message, STOPPED))


def expire_slice(mailing: int) -> bool:
    """Some of those who have waited for as long as allowed are given up, attempts or not."""
    return _slice(mailing, lambda message: Outcome(message, MessageState.FAILED, EXPIRED), _full)


def _full(ids: Sequence[int]) -> dict[int, str]:
    """Of these whose mailbox was full to the last: given up for it, it counts as if it were final."""
    causes = [cause.id for cause in CAUSES.values() if cause.category is Category.MAILBOX_FULL]
    full = Message.objects.filter(pk__in=ids, state=MessageState.DEFERRED, cause__in=causes)
    return dict.fromkeys(full.values_list("pk", flat=True), stops.FULL)


@transaction.atomic
def _slice(
    mailing: int, end: Callable[[int], Outcome], against: Callable[[Sequence[int]], dict[int, str]] = lambda _: {}
) -> bool:
    run = Run.objects.select_for_update(skip_locked=True).filter(mailing=mailing, cursor__lte=F("last")).first()
    if run is not None:
        hi = min(run.last, run.cursor + SLICE - 1)
        _end(mailing, [end(message) for message in _waiting_in(mailing, run.cursor, hi)])
        Run.objects.filter(pk=run.pk).update(cursor=hi + 1)
        return True
    ids = _waiting_deferred(mailing)
    counts = against(ids)
    outcomes = [end(message) for message in ids]
    for outcome in outcomes:
        outcome.stop = counts.get(outcome.message, "")
    _end(mailing, outcomes)
    return bool(ids)


def _waiting_in(mailing: int, lo: int, hi: int) -> list[int]:
    """Those of the range who wait in it; who is deferred is found by the deferral."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM delivery_message m WHERE mailing_id = %s AND id BETWEEN %s AND %s AND state IN (0, 1)"
            " AND NOT EXISTS (SELECT FROM delivery_deferral f WHERE f.message_id = m.id) ORDER BY id",
            [mailing, lo, hi],
        )
        return [row[0] for row in cursor.fetchall()]


def _waiting_deferred(mailing: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT message_id FROM delivery_deferral WHERE mailing_id = %s AND lease_id IS NULL"
            " ORDER BY message_id LIMIT %s FOR UPDATE SKIP LOCKED",
            [mailing, SLICE],
        )
        return [row[0] for row in cursor.fetchall()]


def _end(mailing: int, outcomes: Sequence[Outcome]) -> None:
    record(outcomes, lease=_NO_LEASE, fence=0, mailing=mailing, route=None)
    settle(outcomes, mailing=mailing, lane=lanes.MIXED, site=None)


def unfinished(mailing: Mailing) -> bool:
    """Whether anybody waits, is on the way or is held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM delivery_run WHERE mailing_id = %(m)s AND cursor <= last)"
            " OR EXISTS (SELECT FROM delivery_deferral WHERE mailing_id = %(m)s)"
            " OR EXISTS (SELECT FROM delivery_lease WHERE mailing_id = %(m)s AND closed_at IS NULL)"
            " OR EXISTS (SELECT FROM delivery_tally WHERE mailing_id = %(m)s AND name = 'held' AND n > 0)",
            {"m": mailing.pk},
        )
        return bool(cursor.fetchone()[0])
