"""Folds the logs of delivery into the roll-ups, by transaction id: what is committed counts once, nothing is missed.

A fold takes the rows with last <= tx < horizon, where the horizon is the oldest transaction that still runs: whoever
commits later has a greater id. It counts differences: where the touched messages stood before and stand now.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from analytics import health_folding
from analytics.deeds import Deed, Signs, difference
from analytics.models import Fold
from delivery.providers import OTHER, provider_of_domain

STEP = 4_000  # transactions of one fold: bounds its rows, since a transaction writes at most some thousand
NAME, HEALTH = "reports", "health"

# MessageState → the word of the reports; 100 (returned) is no outcome, and who bounced later (101) stays delivered.
_WORDS = "(ARRAY['retrying', 'delivered', 'failed', 'unknown', 'held', 'not_sent'])[result]"

_MINUTES = f"""
    INSERT INTO analytics_mailingminute AS r (mailing_id, minute, outcome, n)
    SELECT mailing_id, date_trunc('minute', at), {_WORDS}, count(*)
    FROM delivery_attempt a
    WHERE tx >= %(last)s AND tx < %(horizon)s AND result BETWEEN 1 AND 4
        AND EXISTS (SELECT FROM delivery_mailing m WHERE m.id = a.mailing_id)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (mailing_id, minute, outcome) DO UPDATE SET n = r.n + excluded.n
"""

# Where each touched message stood before these transactions, and stands after them; who waits (0) stands nowhere. Names
# are looked up for the few sums, not for the many messages.
_MOVES = f"""
    WITH touched AS (
        SELECT DISTINCT message_id FROM delivery_attempt
        WHERE tx >= %(last)s AND tx < %(horizon)s AND message_id IS NOT NULL AND result < 100
    ), lines AS MATERIALIZED (
        SELECT a.id, a.message_id, a.tx, a.at, a.result, a.cause, a.code, a.status
        FROM touched t JOIN delivery_attempt a ON a.message_id = t.message_id
        WHERE a.tx < %(horizon)s AND a.result < 100
    ), ends AS (
        SELECT max(id) AS new, max(id) FILTER (WHERE tx < %(last)s) AS old FROM lines GROUP BY message_id
    ), moved AS (
        SELECT lines.*, 1 AS n FROM ends JOIN lines ON id = new WHERE old IS DISTINCT FROM new
        UNION ALL
        SELECT lines.*, -1 FROM ends JOIN lines ON id = old WHERE old <> new
    ), sums AS (
        SELECT m.mailing_id, m.domain_id, result, moved.cause, code, status, sum(n) AS n,
            max(at) FILTER (WHERE n > 0) AS last_at
        FROM moved JOIN delivery_message m ON m.id = moved.message_id
        WHERE result <> 0 GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT mailing_id, d.name, coalesce(s.provider, ''), {_WORDS}, coalesce(cause, ''),
        CASE WHEN result = 2 OR code IS NULL THEN '' ELSE concat_ws(' ', code, status) END, n, last_at
    FROM sums JOIN delivery_domain d ON d.id = domain_id LEFT JOIN delivery_site s ON s.id = d.site_id
"""
_BOUNCED = """
    SELECT a.mailing_id, d.name, coalesce(s.provider, ''), 'bounced', coalesce(a.cause, ''),
        concat_ws(' ', a.code, a.status), count(*), max(a.at)
    FROM delivery_attempt a JOIN delivery_message m ON m.id = a.message_id
    JOIN delivery_domain d ON d.id = m.domain_id LEFT JOIN delivery_site s ON s.id = d.site_id
    WHERE a.tx >= %(last)s AND a.tx < %(horizon)s AND a.result = 101
    GROUP BY 1, 2, 3, 4, 5, 6
"""
_OUTCOMES = """
    INSERT INTO analytics_mailingoutcome AS r (mailing_id, provider, outcome, cause, code, n, last_at)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (mailing_id, provider, outcome, cause, code)
        DO UPDATE SET n = r.n + excluded.n, last_at = greatest(r.last_at, excluded.last_at)
"""

_SIGNS = """
    WITH touched AS (
        SELECT DISTINCT message_id FROM delivery_event
        WHERE tx >= %(last)s AND tx < %(horizon)s AND message_id IS NOT NULL
            AND kind IN ('open', 'click', 'unsubscribe', 'complaint')
    )
    SELECT e.mailing_id, e.message_id, e.tx < %(last)s AS before,
        count(*) FILTER (WHERE kind = 'open' AND machine IS NULL),
        count(*) FILTER (WHERE kind = 'open' AND machine IS NOT NULL),
        count(*) FILTER (WHERE kind = 'click' AND machine IS NULL),
        count(*) FILTER (WHERE kind = 'click' AND machine IS NOT NULL),
        count(*) FILTER (WHERE kind = 'unsubscribe'),
        count(*) FILTER (WHERE kind = 'complaint')
    FROM touched JOIN delivery_event e USING (message_id)
    WHERE e.tx < %(horizon)s AND EXISTS (SELECT FROM delivery_mailing m WHERE m.id = e.mailing_id)
    GROUP BY 1, 2, 3
"""
_DEEDS = """
    INSERT INTO analytics_mailingdeed AS r (mailing_id, deed, n)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) ORDER BY 1, 2
    ON CONFLICT (mailing_id, deed) DO UPDATE SET n = r.n + excluded.n
"""

_LINKS = """
    WITH fresh AS (
        SELECT mailing_id, link, message_id, count(*) FILTER (WHERE machine IS NULL) AS clicks,
            count(*) FILTER (WHERE machine IS NOT NULL) AS machine_clicks
        FROM delivery_event e
        WHERE tx >= %(last)s AND tx < %(horizon)s AND kind = 'click' AND link IS NOT NULL
            AND EXISTS (SELECT FROM delivery_mailing m WHERE m.id = e.mailing_id)
        GROUP BY 1, 2, 3
    )
    INSERT INTO analytics_mailinglink AS r (mailing_id, number, people, clicks, machine_clicks)
    SELECT mailing_id, link, count(*) FILTER (WHERE clicks > 0 AND NOT EXISTS (
            SELECT FROM delivery_event e WHERE e.message_id = fresh.message_id AND e.kind = 'click'
                AND e.link = fresh.link AND e.machine IS NULL AND e.tx < %(last)s
        )), sum(clicks), sum(machine_clicks)
    FROM fresh GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (mailing_id, number) DO UPDATE
        SET people = r.people + excluded.people, clicks = r.clicks + excluded.clicks,
            machine_clicks = r.machine_clicks + excluded.machine_clicks
"""


@transaction.atomic
def fold(name: str = NAME, step: int = STEP) -> bool:
    """One step in one transaction with its cursor. True while there is more to fold at once."""
    Fold.objects.get_or_create(name=name)
    cursor_row = Fold.objects.select_for_update(skip_locked=True).filter(name=name).first()
    if cursor_row is None:
        return False  # another worker folds
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        oldest = int(cursor.fetchone()[0])
        last = cursor_row.tx or _first_tx(cursor, oldest)
        span = {"last": last, "horizon": min(oldest, last + step)}
        if span["horizon"] > last:
            FOLDS[name](cursor, span)
        # Also when there was nothing to fold: `tick_age` tells by it whether ticks run.
        Fold.objects.filter(name=name).update(tx=max(last, span["horizon"]), folded_at=Now())
    return span["horizon"] < oldest


def tick_age() -> float | None:
    """Seconds since a fold ran, by the database's clock: beat and a worker of the queue `work` lived then.

    It is a tick of every two seconds. None if it never ran.
    """
    return _of_cursor("extract(epoch FROM clock_timestamp() - folded_at)::float8")


def backlog() -> float | None:
    """Transactions that are not folded, those included that cannot be yet, since an older one is still open."""
    return _of_cursor("pg_snapshot_xmax(pg_current_snapshot())::text::bigint - tx")


def _of_cursor(expression: str) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM analytics_fold WHERE name = %s", [NAME])
        row = cursor.fetchone()
    return row[0] if row else None


def _first_tx(cursor: Any, oldest: int) -> int:
    """Where the logs begin: what was before them need not be walked through."""
    cursor.execute("SELECT least((SELECT min(tx) FROM delivery_attempt), (SELECT min(tx) FROM delivery_event))")
    found = cursor.fetchone()[0]
    return min(int(found), oldest) if found is not None else oldest


def _fold(cursor: Any, span: dict[str, int]) -> None:
    cursor.execute(_MINUTES, span)
    cursor.execute(_MOVES, span)
    moves = cursor.fetchall()
    cursor.execute(_BOUNCED, span)
    _write(cursor, _OUTCOMES, _by_provider([*moves, *cursor.fetchall()]))
    cursor.execute(_SIGNS, span)
    _write(cursor, _DEEDS, [(*key, n) for key, n in _by_deed(cursor.fetchall()).items() if n])
    cursor.execute(_LINKS, span)


# Each with a cursor of its own, so that a new one begins where the logs do.
FOLDS = {NAME: _fold, HEALTH: health_folding.fold}


def _write(cursor: Any, sql: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])


def _by_provider(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The known providers by name; everybody else is "other", so that a report stays short."""
    counts: Counter[tuple[Any, ...]] = Counter()
    lasts: dict[tuple[Any, ...], datetime] = {}
    for mailing, domain, provider, outcome, cause, code, n, last_at in rows:
        key = (mailing, provider or provider_of_domain(domain) or OTHER, outcome, cause, code)
        counts[key] += int(n)
        if last_at:
            lasts[key] = max(last_at, lasts.get(key, last_at))
    return [(*key, n, lasts.get(key)) for key, n in counts.items() if n]


def _by_deed(rows: Iterable[tuple[Any, ...]]) -> Counter[tuple[int, str]]:
    counts: Counter[tuple[int, str]] = Counter()
    for mailing, before, after in _signs(rows):
        for deed, n in difference(before, after).items():
            counts[mailing, str(Deed(deed))] += n
    return counts


def _signs(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Signs, Signs]]:
    """Each touched message's signs before and after: what came in now is added to what there was."""
    old: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * 6)
    new: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * 6)
    for mailing, message, before, *numbers in rows:
        key = (mailing, message)
        if before:
            old[key] = [int(n) for n in numbers]
        new[key] = [a + int(b) for a, b in zip(new[key], numbers, strict=True)]
    for key, numbers in new.items():
        yield key[0], Signs(*old[key]), Signs(*numbers)
