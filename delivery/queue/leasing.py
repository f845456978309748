"""Carving leases: the queue hands out work, transactional mail first, then campaigns in turns per lane.

A lease costs the same at message 1 and at 10,000,000: one run is found by its turn, its cursor moves on, one row is
written. No transaction stays open while mail is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from delivery import buckets, slowdowns
from delivery.models import Mailing, Route

UNLIMITED = 1_000  # ids of a lease where nothing limits the rate
SPAN = 5.0  # seconds of a rate that one lease holds
RETRIES = 500  # deferred messages of one lease
NEXT_ROUTE = 5.0  # seconds until the people of a route that was just paused go over the next
PAUSED_REST = 120.0  # until what waits for a paused route or provider is looked at again: resuming wakes it, so that
# people who wait need not be moved often
TRIES = 20

_NEXT_RUN = """
    SELECT r.id, r.mailing_id, r.lane, r.site_id, r.cursor, r.last
    FROM delivery_run r JOIN delivery_mailing m ON m.id = r.mailing_id
    WHERE r.cursor <= r.last AND NOT r.held AND m.state = 'sending' AND (r.not_before IS NULL OR r.not_before <= now())
        AND r.id <> ALL(%(busy)s::bigint[])
    ORDER BY (m.kind IN ('campaign', 'relayed')), r.turn, r.id
    LIMIT 1 FOR UPDATE OF r SKIP LOCKED
"""
_ADVANCE = """
    UPDATE delivery_run SET cursor = %(after)s, turn = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        not_before = NULL
    WHERE id = %(run)s
"""
_REST = "UPDATE delivery_run SET not_before = now() + %(seconds)s * interval '1 second' WHERE id = %(run)s"
# One look per mailing that sends: how many others wait, or belong to paused mailings, does not matter.
_NEXT_DEFERRED = """
    SELECT m.id, f.lane, f.site_id, f.crashes > 0
    FROM delivery_mailing m CROSS JOIN LATERAL (
        SELECT lane, site_id, crashes, due_at FROM delivery_deferral
        WHERE mailing_id = m.id AND lease_id IS NULL AND due_at <= now() ORDER BY due_at LIMIT 1
    ) f
    WHERE m.state = 'sending'
    ORDER BY (m.kind IN ('campaign', 'relayed')), f.due_at LIMIT 1
"""
_CLAIM_DEFERRED = """
    UPDATE delivery_deferral SET lease_id = %(lease)s WHERE message_id IN (
        SELECT message_id FROM delivery_deferral
        WHERE lease_id IS NULL AND due_at <= now() AND mailing_id = %(mailing)s AND lane = %(lane)s
            AND (crashes > 0) = %(crashed)s
        ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING message_id
"""
_PUSH_DEFERRED = """
    UPDATE delivery_deferral SET due_at = now() + %(seconds)s * interval '1 second'
    WHERE lease_id IS NULL AND due_at <= now() AND mailing_id = %(mailing)s AND lane = %(lane)s
"""
_LEASE = """
    INSERT INTO delivery_lease (mailing_id, run_id, route_id, site_id, lo, hi, worker, host, fence, lease_until,
        marked, ended, created_at)
    VALUES (%(mailing)s, %(run)s, %(route)s, %(site)s, %(lo)s, %(hi)s, %(worker)s, %(host)s, 1,
        now() + %(seconds)s * interval '1 second', 0, 0, now())
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """Who leases: `name` (host:pid:start) is also the name of its journal."""

    name: str
    host: str


@dataclass(slots=True)
class Claim:
    """A lease in a worker's hands."""

    lease: int
    mailing: int
    route: int
    site: int | None
    lane: str
    ids: list[int]
    run: int | None = None  # None: deferred messages
    fence: int = 1
    one_by_one: bool = False  # after a crash: the message that kills its worker must not take others with it
    scopes: list[buckets.Scope] = field(default_factory=list)  # limits that hold for all of it, as last seen
    open_keys: list[str] = field(default_factory=list)  # buckets that close the lease when they close


def take(worker: Worker, *, deferred_first: bool = False, busy: Collection[int] = ()) -> Claim | None:
    """The next lease for this worker, or None when nothing may be sent now. `busy`: runs it has enough leases of."""
    if deferred_first:
        return _take_deferred(worker) or _take_run(worker, busy)
    return _take_run(worker, busy) or _take_deferred(worker)


def _take_run(worker: Worker, busy: Collection[int]) -> Claim | None:
    for _ in range(TRIES):
        with transaction.atomic():
            row = _fetch(_NEXT_RUN, {"busy": list(busy)})
            if row is None:
                return None
            run, mailing, lane, site, cursor, last = row
            route, wait = _route(mailing, site)
            if route is None:
                _execute(_REST, {"run": run, "seconds": wait})
                continue
            scopes = _scopes(mailing, route, site)
            hi = min(last, cursor + _size(scopes) - 1)
            _execute(_ADVANCE, {"run": run, "after": hi + 1})
            lease = _insert(worker, mailing=mailing, run=run, route=route, site=site, lo=cursor, hi=hi)
            return Claim(
                lease, mailing, route.pk, site, lane, list(range(cursor, hi + 1)), run,
                scopes=scopes, open_keys=buckets.closing_keys(route, site),
            )  # fmt: skip
    return None


def _take_deferred(worker: Worker) -> Claim | None:
    for _ in range(TRIES):
        with transaction.atomic():
            row = _fetch(_NEXT_DEFERRED, {})
            if row is None:
                return None
            mailing, lane, site, crashed = row
            route, wait = _route(mailing, site)
            if route is None:
                _execute(_PUSH_DEFERRED, {"mailing": mailing, "lane": lane, "seconds": wait})
                continue
            scopes = _scopes(mailing, route, site)
            lease = _insert(worker, mailing=mailing, run=None, route=route, site=site, lo=0, hi=0)
            claimed = {"lease": lease, "mailing": mailing, "lane": lane, "crashed": crashed}
            ids = _claim_deferred(claimed | {"most": 1 if crashed else min(RETRIES, _size(scopes))})
            if not ids:  # another worker was faster
                transaction.set_rollback(True)
                return None
            return Claim(
                lease, mailing, route.pk, site, lane, ids, one_by_one=crashed,
                scopes=scopes, open_keys=buckets.closing_keys(route, site),
            )  # fmt: skip
    return None


def _claim_deferred(parameters: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_DEFERRED, parameters)
        return sorted(row[0] for row in cursor.fetchall())


def _scopes(mailing: int, route: Route, site: int | None) -> list[buckets.Scope]:
    sender = buckets.sender_of(Mailing.objects.select_related("from_address").get(pk=mailing))
    slowed = {one.key: one.rate() for one in slowdowns.current()}
    return buckets.scopes(buckets.limits(), sender, route, site, slowed)


def _size(scopes: list[buckets.Scope]) -> int:
    """Rate × span, so that a slow lane's lease ends within seconds."""
    rate = buckets.narrowest(scopes)
    return UNLIMITED if rate * SPAN >= UNLIMITED else max(1, int(rate * SPAN))


def _route(mailing: int, site: int | None) -> tuple[Route | None, float]:
    """The first route in order that is open for this site; else None and the seconds until one may be.

    One that a person paused may be resumed at any moment, however long the others stay closed.
    """
    routes = list(Route.objects.filter(mailingroute__mailing_id=mailing).order_by("mailingroute__order"))
    waits = buckets.closed_seconds([key for route in routes for key in buckets.closing_keys(route, site)])
    rests = []
    for route in routes:
        wait = max((waits.get(key, 0.0) for key in buckets.closing_keys(route, site)), default=0.0)
        if route.paused_at is None and wait <= 0:
            return route, 0.0
        rests.append(PAUSED_REST if route.paused_at or wait == buckets.PAUSED else wait)
    return None, min(rests, default=PAUSED_REST)


def _insert(worker: Worker, *, mailing: int, run: int | None, route: Route, site: int | None, lo: int, hi: int) -> int:
    parameters = {
        "mailing": mailing, "run": run, "route": route.pk, "site": site, "lo": lo, "hi": hi,
        "worker": worker.name, "host": worker.host, "seconds": settings.LEASE_SECONDS,
    }  # fmt: skip
    row = _fetch(_LEASE, parameters)
    assert row is not None
    return int(row[0])


def _fetch(sql: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _execute(sql: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
