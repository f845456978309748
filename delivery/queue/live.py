"""What waits now, by mailing and site. It costs the same at any size: open runs and leases are a few hundred rows, and
of the deferred only the first of each mailing are counted; a roll-up of them would have to be written at every reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from delivery.models import Mailing, Route
from delivery.queue import recent

MOST = 10_000  # deferred people of one mailing that are counted, those who are due first

_MAILINGS = """
    SELECT m.id, m.state, m.workspace_id, a.sending_domain_id, array_agg(r.route_id ORDER BY r."order")
    FROM delivery_mailing m JOIN delivery_fromaddress a ON a.id = m.from_address_id
    JOIN delivery_mailingroute r ON r.mailing_id = m.id
    WHERE m.state IN ('expanding', 'sending', 'paused', 'stopped') AND (m.state <> 'stopped' OR m.finished_at IS NULL)
        AND (%(workspace)s::bigint IS NULL OR m.workspace_id = %(workspace)s)
    GROUP BY 1, 2, 3, 4
"""
_RUNS = """
    SELECT mailing_id, site_id, sum(last - cursor + 1)::bigint, min(not_before) FILTER (WHERE not_before > now())
    FROM delivery_run WHERE cursor <= last AND mailing_id = ANY(%(mailings)s) GROUP BY 1, 2
"""
_LEASES = """
    SELECT mailing_id, site_id, run_id IS NULL, sum(marked - ended)::bigint,
        sum(CASE WHEN run_id IS NULL THEN 0 ELSE greatest(hi - lo + 1 - marked, 0) END)::bigint
    FROM delivery_lease WHERE closed_at IS NULL AND mailing_id = ANY(%(mailings)s) GROUP BY 1, 2, 3
"""
_DEFERRED = """
    SELECT m.id, f.site_id, f.tried, count(*), min(f.due_at) FILTER (WHERE f.lease_id IS NULL)
    FROM unnest(%(mailings)s::bigint[]) AS m(id) CROSS JOIN LATERAL (
        SELECT site_id, attempt > 0 AS tried, due_at, lease_id FROM delivery_deferral
        WHERE mailing_id = m.id ORDER BY due_at LIMIT %(most)s
    ) f GROUP BY 1, 2, 3
"""
_WORKERS = "SELECT count(DISTINCT worker) FROM delivery_lease WHERE closed_at IS NULL AND lease_until > now()"


@dataclass(frozen=True)
class Sender:
    """A mailing that is not over: its routes in order."""

    state: str
    workspace: int
    domain: int
    routes: list[Route]

    @property
    def goes(self) -> bool:
        """Neither paused nor stopped."""
        return self.state in (Mailing.State.EXPANDING, Mailing.State.SENDING)


@dataclass
class Lane:
    """People of one mailing at one site; None where they are not told apart by site."""

    mailing: int
    site: int | None
    waiting: int = 0  # for the first try
    on_the_way: int = 0
    deferred: int = 0
    more: bool = False  # there are more deferred than were counted
    next_at: datetime | None = None  # the first of the deferred is due
    rests_until: datetime | None = None  # its turn waits: a limit is used up, or nothing is open
    per_minute: float = 0.0


@dataclass(frozen=True)
class Live:
    mailings: dict[int, Sender]
    lanes: list[Lane]
    workers: int  # that hold leases, of the whole install


def live(workspace: int | None) -> Live:
    """Of one workspace, or with None of all."""
    mailings = _mailings(workspace)
    lanes: dict[tuple[int, int | None], Lane] = {}

    def lane(mailing: int, site: int | None) -> Lane:
        return lanes.setdefault((mailing, site), Lane(mailing, site))

    values = {"mailings": [key for key, one in mailings.items() if one.goes], "most": MOST}
    for mailing, site, waiting, rests_until in _rows(_RUNS, values):
        one = lane(mailing, site)
        one.waiting, one.rests_until = one.waiting + waiting, rests_until
    counted: dict[int, int] = {}
    for mailing, site, tried, number, due_at in _rows(_DEFERRED, values):
        one = lane(mailing, site)
        counted[mailing] = counted.get(mailing, 0) + number
        if tried:
            one.deferred, one.next_at = number, due_at
        else:
            one.waiting += number
    for mailing, site, again, on_the_way, in_hand in _rows(_LEASES, {"mailings": list(mailings)}):
        one = lane(mailing, site)
        one.on_the_way += on_the_way
        one.waiting += in_hand
        if again:  # they are among the deferred until their answer is written
            of_deferred = min(on_the_way, one.deferred)
            one.deferred -= of_deferred
            one.waiting -= min(on_the_way - of_deferred, one.waiting)
    for one in lanes.values():
        one.more = counted.get(one.mailing, 0) >= MOST and one.deferred > 0
    for rate in recent.by_lane():
        if rate.mailing in mailings:
            lane(rate.mailing, rate.site).per_minute += rate.per_minute
    return Live(mailings, list(lanes.values()), int(_rows(_WORKERS, {})[0][0]))


def _mailings(workspace: int | None) -> dict[int, Sender]:
    rows = _rows(_MAILINGS, {"workspace": workspace})
    routes = Route.objects.in_bulk({route for *_, of_mailing in rows for route in of_mailing})
    return {
        key: Sender(state, owner, domain, [routes[route] for route in of_mailing])
        for key, state, owner, domain, of_mailing in rows
    }


def _rows(sql: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
