"""People who still wait when something ends: given back, cancelled, expired, queued once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from delivery.models import Mailing, MessageState, Run
from delivery.queue import lanes
from delivery.queue.outcomes import Outcome, cancelled
from delivery.queue.settle import NO_LEASE, end, given_up, record

SLICE = 5_000
STOPPED = "stopped"
DROPPED = "dropped"

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
        record(again, lease=NO_LEASE, fence=0, mailing=mailing, route=None)
        number += len(ids)
    return number


def cancel_held(mailing: int) -> int:
    """Who was held will not get it: they go through the queue's own statements, by way of waiting."""
    number = 0
    for ids in _requeued(mailing):
        end([cancelled(message, DROPPED) for message in ids], mailing=mailing)
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
    end(_stopped(held), mailing=mailing)
    return bool(held) or _slice(mailing, _stopped)


def _stopped(ids: Sequence[int]) -> list[Outcome]:
    return [cancelled(message, STOPPED) for message in ids]


def expire_slice(mailing: int) -> bool:
    """Some of those who have waited for as long as allowed are given up, tried or not: this mail is nothing if late."""
    return _slice(mailing, given_up)


@transaction.atomic
def _slice(mailing: int, ended: Callable[[Sequence[int]], list[Outcome]]) -> bool:
    run = Run.objects.select_for_update(skip_locked=True).filter(mailing=mailing, cursor__lte=F("last")).first()
    if run is not None:
        hi = min(run.last, run.cursor + SLICE - 1)
        end(ended(_waiting_in(mailing, run.cursor, hi)), mailing=mailing)
        Run.objects.filter(pk=run.pk).update(cursor=hi + 1)
        return True
    ids = _waiting_deferred(mailing)
    end(ended(ids), mailing=mailing)
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
