"""The replies of the last minute, read from the end of the log: it costs the same however long the log is.

The log is append-only, so that its newest rows lie in its last blocks. Where these hold less than a minute, the rates
are those of the time that they do hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from delivery.models import Route

SECONDS = 60.0
BLOCKS = 256  # of 8 KiB: some thousand tries
KINDS = (str(Route.Kind.SMARTHOST), str(Route.Kind.SANDBOX))
QUANTILES = (0.5, 0.9, 0.99)

# The month that is written now: partitions are those of delivery.partitions.
_WHERE = """
    SELECT part::text, greatest(0, pg_relation_size(part) / current_setting('block_size')::bigint - %s)
    FROM (SELECT coalesce(
        to_regclass('delivery_attempt_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')),
        'delivery_attempt_default'::regclass
    ) AS part) newest
"""
_TAIL = "SELECT * FROM {part} WHERE ctid >= %(first)s::tid"
_SPAN = "SELECT extract(epoch FROM now() - min(at))::float8 FROM ({tail}) tail"
# 4: no answer is known, though our own words for it have a code.
_BY_SERVER = """
    SELECT CASE WHEN r.kind <> 'direct' THEN r.kind ELSE coalesce(s.provider, '') END,
        CASE WHEN result = 4 OR code IS NULL THEN 'none' ELSE code / 100 || 'xx' END, count(*)
    FROM ({tail}) tail JOIN delivery_route r ON r.id = route_id LEFT JOIN delivery_site s ON s.id = site_id
    WHERE result BETWEEN 1 AND 4 AND at > now() - %(seconds)s * interval '1 second'
    GROUP BY 1, 2 ORDER BY 1, 2
"""
# 2: delivered. From the first on, since they may have begun a moment ago.
_TAKEN = """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(at))::float8
    FROM ({tail}) tail WHERE result = 2 AND route_id = %(route)s AND (%(site)s::bigint IS NULL OR site_id = %(site)s)
        AND at > clock_timestamp() - %(seconds)s * interval '1 second'
"""
_SECONDS = """
    SELECT percentile_cont(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY took_ms / 1000.0)
    FROM ({tail}) tail WHERE result BETWEEN 1 AND 4 AND at > now() - %(seconds)s * interval '1 second'
"""


@dataclass(frozen=True)
class Replies:
    """Tries a second by (who answered: a provider, "" for any other site, or the kind of route; class of the reply);
    seconds by quantile, empty when nothing was tried."""

    per_second: dict[tuple[str, str], float]
    seconds: dict[str, float]


def replies(*, blocks: int = BLOCKS) -> Replies:
    part, first = _rows(_WHERE, [blocks])[0]
    tail = _TAIL.format(part=part)
    values = {"first": f"({first},0)", "seconds": SECONDS, "quantiles": list(QUANTILES)}
    span = _span(_rows(_SPAN.format(tail=tail), values)[0][0], whole=first == 0)
    counted = _rows(_BY_SERVER.format(tail=tail), values)
    quantiles = _rows(_SECONDS.format(tail=tail), values)[0][0]
    return Replies(
        {(server, reply): n / span for server, reply, n in counted},
        {str(one): value for one, value in zip(QUANTILES, quantiles or [], strict=False) if value is not None},
    )


def taken(route: int, site: int | None, seconds: float, *, blocks: int = BLOCKS) -> float:
    """Messages a second that got through over this route (to this site) in the last seconds; 0 if none did. They stand
    for a fifth of these at least."""
    part, first = _rows(_WHERE, [blocks])[0]
    values = {"first": f"({first},0)", "seconds": seconds, "route": route, "site": site}
    number, since = _rows(_TAKEN.format(tail=_TAIL.format(part=part)), values)[0]
    return number / max(since, seconds / 5) if number else 0.0


def _span(held: float | None, *, whole: bool) -> float:
    """The seconds that the counted rows stand for: `held` ago the oldest of the blocks was written."""
    return SECONDS if whole or held is None else min(SECONDS, max(held, 1.0))


def _rows(sql: str, values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


# By the lease, since a lane may hold many sites.
_BY_LANE = """
    SELECT tail.mailing_id, l.site_id, tail.route_id, count(*)
    FROM ({tail}) tail LEFT JOIN delivery_lease l ON l.id = tail.lease_id
    WHERE result BETWEEN 1 AND 4 AND at > now() - %(seconds)s * interval '1 second' GROUP BY 1, 2, 3
"""


@dataclass(frozen=True)
class LaneRate:
    """Tries a minute of one mailing's lane: of one site, or None where it holds several."""

    mailing: int
    site: int | None
    route: int | None
    per_minute: float


def by_lane(*, blocks: int = BLOCKS) -> list[LaneRate]:
    """What was tried in the last minute."""
    part, first = _rows(_WHERE, [blocks])[0]
    tail = _TAIL.format(part=part)
    values = {"first": f"({first},0)", "seconds": SECONDS}
    span = _span(_rows(_SPAN.format(tail=tail), values)[0][0], whole=first == 0)
    rows = _rows(_BY_LANE.format(tail=tail), values)
    return [LaneRate(mailing, site, route, n / span * 60) for mailing, site, route, n in rows]


LEASES = 20_000
_HOUR = """
    SELECT route_id, sum(marked)::bigint, count(*), min(created_at) > now() - interval '1 hour'
    FROM (SELECT route_id, marked, created_at, closed_at FROM delivery_lease ORDER BY id DESC LIMIT %(leases)s) newest
    WHERE coalesce(closed_at, now()) > now() - interval '1 hour' GROUP BY 1
"""


@dataclass(frozen=True)
class Left:
    """Tries over one route: in the last minute, and by the leases of the last hour; `more`: there were more of these
    than are read."""

    minute: float = 0.0
    hour: int = 0
    more: bool = False


def by_route(*, leases: int = LEASES) -> dict[int, Left]:
    minutes: dict[int, float] = {}
    for one in by_lane():
        if one.route is not None:
            minutes[one.route] = minutes.get(one.route, 0.0) + one.per_minute
    rows = _rows(_HOUR, {"leases": leases})
    more = sum(number for _, _, number, _ in rows) >= leases and all(young for *_, young in rows)
    hours = {route: tried for route, tried, _, _ in rows}
    return {key: Left(minutes.get(key, 0.0), hours.get(key, 0), more) for key in {*minutes, *hours}}
