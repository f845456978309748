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
        WHERE g.id IN (SELECT mailing_id FROM {lines}) AND g.kind NOT IN ('test', 'notice')
    )"""
# Every line of the log about the messages that these transactions touched: one look for each message, whatever is then
# asked of them.
_LINES = """
    touched AS (
        SELECT DISTINCT message_id FROM delivery_attempt
        WHERE tx >= %(last)s AND tx < %(horizon)s AND message_id IS NOT NULL AND result <> 100
    ), lines AS MATERIALIZED (
        SELECT a.id, a.message_id, a.mailing_id, a.site_id, a.tx, a.at, a.took_ms, a.result, a.cause, a.code, a.status
        FROM touched t JOIN delivery_attempt a ON a.message_id = t.message_id WHERE a.tx < %(horizon)s
    )"""
# Of the sums of messages by what they share: names are looked up for these few.
_SUMMED = """
    SELECT g.workspace_id, g.sandbox, hour, g.sending_domain_id, d.name, coalesce(s.provider, ''), {what}, n, first_at,
        last_at
    FROM sums JOIN mailings g ON g.id = mailing_id JOIN delivery_domain d ON d.id = domain_id
    LEFT JOIN delivery_site s ON s.id = coalesce(sums.site_id, d.site_id)"""

# Whoever moves leaves the hour in which they were counted, and the site that the try itself met: whatever is learnt of
# their domain meanwhile. Who is delivered has waited since the first try, also one that said nothing about the person
# (100).
_OUTCOME = """
        CASE result WHEN 101 THEN 'bounced'
            ELSE (ARRAY['retrying', 'delivered', 'failed', 'unknown', 'held', 'not_sent'])[result] END,
        coalesce(cause, ''), CASE WHEN result = 2 OR code IS NULL THEN '' ELSE concat_ws(' ', code, status) END, step"""
_MOVES = f"""
    WITH {_LINES}, ends AS (
        SELECT max(id) FILTER (WHERE result <> 100) AS new,
            max(id) FILTER (WHERE result <> 100 AND tx < %(last)s) AS old,
            min(at - coalesce(took_ms, 0) * interval '1 millisecond') AS began
        FROM lines GROUP BY message_id
    ), moved AS (
        SELECT now_is.*, 1 AS n, CASE WHEN now_is.result = 2 AND was.result IS DISTINCT FROM 2
            THEN width_bucket(extract(epoch FROM now_is.at - began)::float8, %(bounds)s::float8[]) END AS step
        FROM ends JOIN lines now_is ON now_is.id = new LEFT JOIN lines was ON was.id = old
        WHERE old IS DISTINCT FROM new
        UNION ALL
        SELECT was.*, -1, NULL FROM ends JOIN lines was ON was.id = old WHERE old <> new
    ), sums AS MATERIALIZED (
        SELECT moved.mailing_id, m.domain_id, moved.site_id, date_trunc('hour', at) AS hour, result, moved.cause, code,
            status, step, sum(n) AS n, min(at) FILTER (WHERE n > 0) AS first_at, max(at) FILTER (WHERE n > 0) AS last_at
        FROM moved JOIN delivery_message m ON m.id = moved.message_id
        WHERE result <> 0 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ), {_MAILINGS.format(lines="sums")}{_SUMMED.format(what=_OUTCOME)}
"""
# Of each person the first report.
_COMPLAINTS = f"""
    WITH touched AS (
        SELECT message_id, min(at) AS at FROM delivery_event e
        WHERE tx >= %(last)s AND tx < %(horizon)s AND kind = 'complaint' AND message_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM delivery_event b WHERE b.message_id = e.message_id AND b.kind = 'complaint'
                AND b.tx < %(last)s)
        GROUP BY 1
    ), sums AS MATERIALIZED (
        SELECT m.mailing_id, m.domain_id, NULL::bigint AS site_id, date_trunc('hour', at) AS hour, count(*) AS n,
            min(at) AS first_at, max(at) AS last_at
        FROM touched JOIN delivery_message m ON m.id = message_id GROUP BY 1, 2, 4
    ), {_MAILINGS.format(lines="sums")}{_SUMMED.format(what="'complaint', '', '', NULL::int")}
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

_STEPS = """
    INSERT INTO analytics_healthwait AS r (workspace_id, sandbox, hour, sending_domain_id, provider, step, n)
    SELECT * FROM unnest(%s::bigint[], %s::boolean[], %s::timestamptz[], %s::bigint[], %s::text[], %s::smallint[],
        %s::bigint[])
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (workspace_id, sandbox, hour, sending_domain_id, provider, step) DO UPDATE SET n = r.n + excluded.n
"""


def fold(cursor: Any, span: dict[str, int]) -> None:
    """What was committed in the transactions last <= tx < horizon."""
    cursor.execute(_MOVES, {**span, "bounds": list(BOUNDS)})
    moves = cursor.fetchall()
    cursor.execute(_COMPLAINTS, span)
    rows = [_named(row) for row in (*moves, *cursor.fetchall())]
    _write(cursor, _HOURS, _hours(rows))
    _write(cursor, _STEPS, _steps(rows))


def _named(row: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...], Any]:
    """(where, what, (step, people, first, last)): the known providers by name, everybody else as "other"."""
    workspace, sandbox, hour, sending, domain, provider, *what = row
    place = (workspace, sandbox, hour, sending, provider or provider_of_domain(domain) or OTHER)
    return place, tuple(what[:3]), what[3:]


def _hours(rows: Iterable[tuple[tuple[Any, ...], tuple[Any, ...], Any]]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, [], []])
    for place, what, (_step, people, first, last) in rows:
        one = sums[place + what]
        one[0] += int(people)
        one[1] += [first] if first else []
        one[2] += [last] if last else []
    return [
        (*key, people, min(firsts, default=None), max(lasts, default=None))
        for key, (people, firsts, lasts) in sums.items()
        if people
    ]


def _steps(rows: Iterable[tuple[tuple[Any, ...], tuple[Any, ...], Any]]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[Any, ...], int] = defaultdict(int)
    for place, _what, (step, people, *_times) in rows:
        if step is not None:
            sums[(*place, step)] += int(people)
    return [(*key, people) for key, people in sums.items()]


def _write(cursor: Any, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
