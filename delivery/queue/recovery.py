"""Leases whose worker is gone: every message gets the state that is true, from the marks, the outcomes and the journal.

First the fence goes up, so that the old worker's next gate fails; then, in a later snapshot, what it left is read.
A lease belongs to its worker's host for five minutes after it is over (the journal is there), then to any host.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from delivery import journal
from delivery.models import Attempt, Lease, Mailing, MessageState, Route
from delivery.queue import ending, lanes
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import Outcome, Try, decide, held, returned
from delivery.queue.settle import record, settle
from delivery.smtp.faults import Fault
from delivery.smtp.replies import EnhancedStatus, Phase, Reply

HOST_GRACE = 300.0  # seconds after lease_until in which only the lease's host may recover it
JOURNAL_KEPT = 600.0  # seconds after its last line, though it owes nothing
MOST_CRASHES = 3  # marks in a row without an outcome
CRASHED = "crashed"
UNKNOWN_AFTER_CRASH = "worker_lost"

_OPEN = """
    SELECT l.id, l.worker, l.host, l.fence, l.lease_until < now(),
        l.lease_until + %(grace)s * interval '1 second' < now()
    FROM delivery_lease l WHERE l.closed_at IS NULL ORDER BY l.id
"""
_FENCE = """
    UPDATE delivery_lease SET fence = fence + 1, lease_until = now() + %(seconds)s * interval '1 second'
    WHERE id = %(lease)s AND fence = %(fence)s AND closed_at IS NULL
"""
# Only what this lease still owes: a message with a final state, or one that waits outside this lease, is settled.
_OWED = """
    SELECT m.id, m.attempts, coalesce(f.crashes, 0), s.provider
    FROM delivery_message m
    JOIN delivery_domain d ON d.id = m.domain_id
    LEFT JOIN delivery_site s ON s.id = d.site_id
    LEFT JOIN delivery_deferral f ON f.message_id = m.id
    WHERE m.mailing_id = %(mailing)s AND m.state IN (0, 1) AND (
        (%(run)s::bigint IS NOT NULL AND m.id BETWEEN %(lo)s AND %(hi)s AND f.message_id IS NULL)
        OR f.lease_id = %(lease)s
    )
    ORDER BY m.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A lease that may be recovered here. `with_journal` is False when only the marks can tell."""

    lease: int
    fence: int
    worker: str
    with_journal: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What is known about one message of a lost lease."""

    attempt: Try
    crashes: int
    marked_at: datetime | None  # its mark's values_at
    outcome: Outcome | None  # recorded before the end
    reply: Reply | None  # from the journal
    dot: bool  # the journal has its dot and no reply
    building: bool = False  # it was being built when the worker ended


def recover(host: str, folder: Path) -> int:
    """Recover every lease that is over, and those whose worker is seen to be dead. How many."""
    recovered = sum(_recover(due, folder) for due in list(_due(host, folder)))
    owed = Lease.objects.filter(closed_at=None, host=host).values_list("worker", flat=True)
    journal.sweep(folder, set(owed), older_than=JOURNAL_KEPT)
    return recovered


def _due(host: str, folder: Path) -> Iterator[Due]:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"grace": HOST_GRACE * settings.TIME_SCALE})
        rows = cursor.fetchall()
    for lease, worker, lease_host, fence, over, anyones in rows:
        if lease_host == host:
            state = _journal_state(folder, worker)
            # Another process that has raised the fence is at it: for as long as a lease it is given time.
            if state == "dead" and fence > 1 and not over:
                continue
            if state == "dead" or (state == "gone" and over):
                yield Due(lease, fence, worker, state == "dead")
                continue
        if anyones:
            yield Due(lease, fence, worker, False)


def _journal_state(folder: Path, worker: str) -> str:
    try:
        with journal.of_dead(folder, worker):
            return "dead"
    except journal.Alive:
        return "alive"
    except journal.Gone:
        return "gone"


def _recover(due: Due, folder: Path) -> int:
    with connection.cursor() as cursor:
        # Waits for a gate in flight, since that updates the lease row too.
        cursor.execute(_FENCE, {"lease": due.lease, "fence": due.fence, "seconds": settings.LEASE_SECONDS})
        if not cursor.rowcount:
            return 0
    lease = Lease.objects.select_related("mailing", "route").get(pk=due.lease)
    with _entries(due, folder) as entries:
        _settle(lease, list(_left(lease, entries)), entries is not None)
    return 1


@contextmanager
def _entries(due: Due, folder: Path) -> Iterator[journal.Entries | None]:
    """The journal under its lock, or None."""
    if not due.with_journal:
        yield None
        return
    try:
        with journal.of_dead(folder, due.worker) as path:
            yield journal.read(path, due.lease)
    except (journal.Gone, journal.Alive):
        yield None


def _left(lease: Lease, entries: journal.Entries | None) -> Iterator[Left]:
    marks = _marks(lease.pk)
    recorded = _recorded(lease.pk, list(marks))
    known = entries or journal.Entries()
    with connection.cursor() as cursor:
        cursor.execute(
            _OWED,
            {"mailing": lease.mailing_id, "run": lease.run_id, "lo": lease.lo, "hi": lease.hi, "lease": lease.pk},
        )
        rows = cursor.fetchall()
    for message, attempts, crashes, provider in rows:
        attempt = Try(
            message, attempts, provider or "", lease.mailing.at_most_once,
            sandbox=lease.route.kind == Route.Kind.SANDBOX, smarthost=lease.route.kind == Route.Kind.SMARTHOST,
        )  # fmt: skip
        yield Left(
            attempt, crashes, marks.get(message), _again(attempt, recorded.get(message)),
            known.replies.get(message), message in known.dots, message == known.building,
        )  # fmt: skip


def _marks(lease: int) -> dict[int, datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ids, values_at FROM delivery_attempt WHERE lease_id = %s AND ids IS NOT NULL", [lease])
        return {message: at for ids, at in cursor.fetchall() for message in ids}


def _recorded(lease: int, marked: Iterable[int]) -> dict[int, Attempt]:
    found = Attempt.objects.filter(lease_id=lease, message_id__in=list(marked)).order_by("id")
    return {row.message_id: row for row in found if row.message_id is not None}


def _again(attempt: Try, row: Attempt | None) -> Outcome | None:
    """The outcome that the worker recorded and did not live to settle."""
    if row is None or row.result is None:
        return None
    if row.code is None:
        return Outcome(attempt.message, row.result, row.cause)
    text = row.reply or ""
    status = EnhancedStatus.find(row.status) if row.status else None
    outcome = decide(attempt, Reply(row.code, text, status, Phase(row.phase or Phase.DOT)), random.random())
    if outcome.result != row.result:  # a fault of our own: its name is not in the row, its result is
        outcome.result, outcome.cause = row.result, row.cause
    return outcome


def judge(left: Left, *, journal_known: bool, chance: float) -> tuple[Outcome, bool]:
    """The outcome of one message of a lost lease, and whether it is still to be recorded. Pure."""
    if left.outcome is not None:
        return left.outcome, False
    if left.reply is not None:
        return decide(left.attempt, left.reply, chance), True
    message = left.attempt.message
    if left.marked_at is None:
        return returned(message), False
    if journal_known and not left.dot:
        return (_crashed(left) if left.building else returned(message, cause=CRASHED)), True
    if not left.attempt.at_most_once:  # at least once, with the same bytes
        return _crashed(left), True
    unknown = Fault.DROPPED_AFTER_DOT.reply(Phase.DOT, "our own worker was lost")
    return Outcome(message, MessageState.UNCERTAIN, UNKNOWN_AFTER_CRASH, costs=1, reply=unknown), True


def _crashed(left: Left) -> Outcome:
    """Queued again, unless this message seems to be what kills the worker."""
    if left.crashes + 1 >= MOST_CRASHES:
        return held(left.attempt.message, CRASHED)
    return returned(left.attempt.message, cause=CRASHED, crashed=1)


@transaction.atomic
def _settle(lease: Lease, left: list[Left], journal_known: bool) -> None:
    last_mark = max((one.attempt.message for one in left if one.marked_at or one.outcome), default=lease.lo - 1)
    judged = [
        (one, *judge(one, journal_known=journal_known, chance=random.random()))
        for one in left
        if lease.run_id is None or one.marked_at or one.attempt.message < last_mark
    ]
    record(
        [outcome for _, outcome, new in judged if new],
        lease=lease.pk, fence=lease.fence, mailing=lease.mailing_id, route=lease.route_id,
    )  # fmt: skip
    lane = _lane(lease)
    for one, outcome, _ in judged:
        if not one.attempt.at_most_once:
            outcome.values_at = one.marked_at
    settle([outcome for _, outcome, _ in judged], mailing=lease.mailing_id, lane=lane, site=lease.site_id)
    unasked = [one.attempt.message for one in left if not one.marked_at and one.attempt.message > last_mark]
    claim = Claim(
        lease.pk, lease.mailing_id, lease.route_id, lease.site_id, lane, [], run=lease.run_id, fence=lease.fence
    )
    ending.end(claim, [], unasked=[unasked[0], lease.hi] if unasked else [])


def _lane(lease: Lease) -> str:
    if lease.run is not None:
        return str(lease.run.lane)
    if lease.site_id is not None:
        return lanes.site_lane(lease.site_id)
    one = lanes.one_lane(Mailing.objects.get(pk=lease.mailing_id).routes.values_list("kind", flat=True))
    return lanes.ALL if one else lanes.MIXED
