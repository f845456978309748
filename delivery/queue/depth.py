"""How much waits in the queue, and for what. Asked of open mailings, open leases and buckets, never of all messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from delivery.models import Mailing
from delivery.queue.counts import counts_of

State = Mailing.State
EXPANDED = (State.EXPANDING, State.SENDING, State.PAUSED)
PLACES = ("waiting", "on_the_way", "retrying", "held")

_LEASES = """
    SELECT count(*), count(DISTINCT worker),
        coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8,
        greatest(coalesce(extract(epoch FROM now() - min(lease_until)), 0), 0)::float8
    FROM delivery_lease WHERE closed_at IS NULL
"""
_RESTING = """
    SELECT coalesce(sum(r.last - r.cursor + 1), 0)::bigint FROM delivery_run r
    JOIN delivery_mailing m ON m.id = r.mailing_id AND m.state = 'sending'
    WHERE r.cursor <= r.last AND r.not_before > now()
"""
# Of each mailing no more than so many are counted: whoever watches wants to know that it grows.
_DUE = """
    SELECT coalesce(sum(f.n), 0)::bigint, coalesce(max(extract(epoch FROM now() - f.oldest)), 0)::float8
    FROM delivery_mailing m CROSS JOIN LATERAL (
        SELECT count(*) AS n, min(due_at) AS oldest FROM (
            SELECT due_at FROM delivery_deferral
            WHERE mailing_id = m.id AND lease_id IS NULL AND due_at <= now() ORDER BY due_at LIMIT %s
        ) due
    ) f
    WHERE m.state = 'sending'
"""
MOST_DUE = 10_000
_ROUTES = """
    SELECT CASE WHEN r.paused_at IS NOT NULL THEN 'paused' WHEN b.closed_until > now() THEN 'closed' ELSE 'open' END,
        count(*)
    FROM delivery_route r LEFT JOIN delivery_bucket b ON b.key = 'route:' || r.id GROUP BY 1
"""
_CLOSED_SITES = r"""
    SELECT s.provider, count(DISTINCT s.id) FROM delivery_bucket b
    JOIN delivery_site s ON s.id = substring(b.key FROM '^route:\d+/site:(\d+)$')::bigint
    WHERE b.closed_until > now() GROUP BY 1
"""
# A bucket's key names its scopes: "route:1/site:7".
_THROTTLES = """
    SELECT CASE WHEN strpos(key, 'workspace:') > 0 THEN 'workspace' WHEN strpos(key, 'domain:') > 0 THEN 'domain'
            WHEN strpos(key, 'site:') > 0 THEN 'site' ELSE 'route' END,
        max(extract(epoch FROM next_at - now()))::float8
    FROM delivery_bucket WHERE next_at > now() GROUP BY 1
"""


@dataclass(frozen=True)
class People:
    """`mailings` by state; `people` by (state of the mailing, place) of those that are expanded."""

    mailings: dict[str, int]
    people: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Leases:
    """Open ones; ages in seconds by the database's clock."""

    open: int
    workers: int
    oldest: float
    overdue: float


def people() -> People:
    states = dict(Mailing.objects.filter(state__in=[State.WAITING, *EXPANDED]).values_list("pk", "state"))
    mailings: dict[str, int] = {str(state): 0 for state in (State.WAITING, *EXPANDED)}
    found: dict[tuple[str, str], int] = {(str(state), place): 0 for state in EXPANDED for place in PLACES}
    for state in states.values():
        mailings[state] += 1
    for key, counted in counts_of(key for key, state in states.items() if state in EXPANDED).items():
        for place in PLACES:
            found[states[key], place] += getattr(counted, place)
    return People(mailings, found)


def leases() -> Leases:
    return Leases(*_rows(_LEASES)[0])


def resting() -> int:
    """People of sending mailings in runs that may not be leased yet."""
    return int(_rows(_RESTING)[0][0])


def due() -> tuple[int, float]:
    """Retries that are due and no worker has taken, up to MOST_DUE of each mailing; the seconds since the oldest was
    due, 0 when none is."""
    number, oldest = _rows(_DUE, [MOST_DUE])[0]
    return int(number), float(oldest)


def routes() -> dict[str, int]:
    return {"open": 0, "paused": 0, "closed": 0} | dict(_rows(_ROUTES))


def closed_sites() -> dict[str, int]:
    """Sites that are not tried now, by provider ("" for those that are none of the known)."""
    return dict(_rows(_CLOSED_SITES))


def throttle_waits() -> dict[str, float]:
    """Seconds until the limit that is sold furthest ahead sells again, by scope."""
    return {"route": 0.0, "site": 0.0, "domain": 0.0, "workspace": 0.0} | dict(_rows(_THROTTLES))


def _rows(sql: str, values: Sequence[int] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
