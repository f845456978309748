"""The statements that fold the logs into the roll-ups of delivery health (`analytics.folding` holds the cursor)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from analytics.waits import BOUNDS
from delivery.providers import OTHER, provider_of_domain

# Tests and notices are none of the campaigns' health. A mailing that has only the sandbox's route leaves nothing.
_MAILINGS = """
    mailings AS MATERIALIZED (
        SELECT g.id, g.workspace_id, f.sending_domain_id, sd.sandbox OR NOT EXISTS (
            SELECT FROM delivery_mailingroute mr JOIN delivery_route r ON r.id = mr.route_id
            WHERE mr.mailing_id = g.id AND r.kind <> 'sandbox') AS sandbox
        FROM delivery_mailing g JOIN delivery_fromaddress f ON f.id = g.from_address_id
        JOIN delivery_sendingdomain sd ON sd.id = f.sending_domain_id
        WHERE g.id IN (SELECT mailing_id FROM touched) AND g.kind NOT IN ('test', 'notice')
    )"""
_TOUCHED = """
    touched AS (
        SELECT DISTINCT message_id, mailing_id FROM delivery_attempt
        WHERE tx >= %(last)s AND tx < %(horizon)s AND message_id IS NOT NULL AND result <> 100
    )"""
_NEWEST = """(
            SELECT at, result, cause, code, status FROM delivery_attempt
            WHERE message_id = t.message_id AND tx < {before} AND result <> 100 ORDER BY id DESC LIMIT 1
        )"""
_STAND = f"""
    stand AS (
        SELECT t.message_id, t.mailing_id, new.at, new.result, new.cause, new.code, new.status, old.at AS old_at,
            old.result AS old_result, old.cause AS old_cause, old.code AS old_code, old.status AS old_status
        FROM touched t CROSS JOIN LATERAL {_NEWEST.format(before="%(horizon)s")} new
        LEFT JOIN LATERAL {_NEWEST.format(before="%(last)s")} old ON true
    )"""
_PLACE = """
    JOIN mailings g ON g.id = moved.mailing_id JOIN delivery_message m ON m.id = moved.message_id
    JOIN delivery_domain d ON d.id = m.domain_id LEFT JOIN delivery_site s ON s.id = d.site_id"""
_WHERE = (
    "g.workspace_id, g.sandbox, date_trunc('hour', moved.at), g.sending_domain_id, d.name, coalesce(s.provider, '')"
)

# Whoever moves leaves the hour in which they were counted.
_MOVES = f"""
    WITH {_TOUCHED}, {_MAILINGS}, {_STAND}, moved AS (
        SELECT message_id, mailing_id, at, result, cause, code, status, 1 AS n FROM stand
        UNION ALL
        SELECT message_id, mailing_id, old_at, old_result, old_cause, old_code, old_status, -1 FROM stand
        WHERE old_result IS NOT NULL
    )
    SELECT {_WHERE},
        CASE result WHEN 101 THEN 'bounced'
            ELSE (ARRAY['retrying', 'delivered', 'failed', 'unknown', 'held', 'not_sent'])[result] END,
        coalesce(moved.cause, ''),
        CASE WHEN result = 2 OR code IS NULL THEN '' ELSE concat_ws(' ', code, status) END,
        sum(n), min(at) FILTER (WHERE n > 0), max(at) FILTER (WHERE n > 0)
    FROM moved {_PLACE}
    WHERE result <> 0 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
# Of each person the first report.
_COMPLAINTS = f"""
    WITH touched AS (
        SELECT message_id, mailing_id, min(at) AS at FROM delivery_event e
        WHERE tx >= %(last)s AND tx < %(horizon)s AND kind = 'complaint' AND message_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM delivery_event b WHERE b.message_id = e.message_id AND b.kind = 'complaint'
                AND b.tx < %(last)s)
        GROUP BY 1, 2
    ), {_MAILINGS}
    SELECT {_WHERE}, 'complaint', '', '', count(*), min(at), max(at)
    FROM touched moved {_PLACE} GROUP BY 1, 2, 3, 4, 5, 6
"""
_HOURS = """
    INSERT INTO analytics_healthhour AS r (workspace_id, sandbox, hour, sending_domain_id, provider, outcome, cause,
        code, n, first_at, last_at)
    SELECT * FROM unnest(%s::bigint[], %s::boolean[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT (workspace_id, sandbox, hour, sending_domain_id, provider, outcome, cause, code) DO UPDATE SET
        n = r.n + excluded.n, first_at = least(r.first_at, excluded.first_at),
        last_at = greatest(r.last_at, excluded.last_at)
"""

# A try that said nothing about the person (100) began the wait all the same.
_WAITS = f"""
    WITH {_TOUCHED}, {_MAILINGS}, {_STAND}, moved AS (
        SELECT stand.*, width_bucket(extract(epoch FROM at - began)::float8, %(bounds)s::float8[]) AS step
        FROM stand CROSS JOIN LATERAL (
            SELECT min(a.at - coalesce(a.took_ms, 0) * interval '1 millisecond') AS began FROM delivery_attempt a
            WHERE a.message_id = stand.message_id AND a.tx < %(horizon)s
        ) first
        WHERE result = 2 AND old_result IS DISTINCT FROM 2
    )
    SELECT {_WHERE}, step, count(*) FROM moved {_PLACE} GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_STEPS = """
    INSERT INTO analytics_healthwait AS r (workspace_id, sandbox, hour, sending_domain_id, provider, step, n)
    SELECT * FROM unnest(%s::bigint[], %s::boolean[], %s::timestamptz[], %s::bigint[], %s::text[], %s::smallint[],
        %s::bigint[])
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (workspace_id, sandbox, hour, sending_domain_id, provider, step) DO UPDATE SET n = r.n + excluded.n
"""


def fold(cursor: Any, span: dict[str, int]) -> None:
    """What was committed in the transactions last <= tx < horizon."""
    cursor.execute(_MOVES, span)
    rows = cursor.fetchall()
    cursor.execute(_COMPLAINTS, span)
    _write(cursor, _HOURS, _by_provider([*rows, *cursor.fetchall()], key=3))
    cursor.execute(_WAITS, {**span, "bounds": list(BOUNDS)})
    _write(cursor, _STEPS, _by_provider(cursor.fetchall(), key=1))


def _by_provider(rows: Iterable[tuple[Any, ...]], *, key: int) -> list[tuple[Any, ...]]:
    """Six columns of where, `key` of what, the number, then its first and last time if there are any: the known
    providers by name, everybody else together as "other"."""
    sums: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for workspace, sandbox, hour, sending, domain, provider, *what in rows:
        place = (workspace, sandbox, hour, sending, provider or provider_of_domain(domain) or OTHER)
        sums[(*place, *what[:key])].append(tuple(what[key:]))
    return [(*place, *_sum(parts)) for place, parts in sums.items() if sum(part[0] for part in parts)]


def _sum(parts: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    number = int(sum(part[0] for part in parts))
    if len(parts[0]) == 1:
        return (number,)
    firsts, lasts = ([part[at] for part in parts if part[at]] for at in (1, 2))
    return number, min(firsts, default=None), max(lasts, default=None)


def _write(cursor: Any, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
