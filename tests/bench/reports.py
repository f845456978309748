"""How many rows each query of the reports reads at 10,000, 100,000 and 1,000,000 messages, and what folding them costs.

The logs of a day are written by SQL; the product folds them. Then each page is made, and each of its queries once more
under EXPLAIN ANALYZE: the rows that its scans gave and threw away are what it read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SIZES = (10_000, 100_000, 1_000_000)
SLICE = 20_000  # messages of one transaction
MAY_GROW = 1.5  # for another plan of the same query, which filters later

# Every combination of hour, domain and outcome occurs among the first 2,880 messages: what grows is only their numbers.
_MESSAGES = """
    WITH made AS (
        INSERT INTO delivery_message (mailing_id, rcpt, domain_id, state, cause, attempts)
        SELECT %(mailing)s, 'p' || i || '@example.net', (%(domains)s::bigint[])[1 + i / 24 %% 6],
            CASE WHEN i / 144 %% 20 < 16 THEN 2 ELSE 3 END,
            (ARRAY['no_such_user', 'mailbox_full', 'content_spam', 'dkim_failed'])[i / 144 %% 20 - 15], 1
        FROM generate_series(%(first)s, %(last)s) i
        RETURNING id, domain_id, state, cause
    ), numbered AS (
        SELECT made.*, row_number() OVER (ORDER BY id) - 1 + %(first)s AS i FROM made
    ), exceptions AS (
        INSERT INTO delivery_messageexception (message_id, mailing_id, state, cause)
        SELECT id, %(mailing)s, state, cause FROM numbered WHERE state = 3
    )
    INSERT INTO delivery_attempt (lease_id, message_id, mailing_id, result, code, status, cause, reply, took_ms, at)
    SELECT 0, id, %(mailing)s, state, CASE WHEN state = 2 THEN 250 ELSE 550 END,
        CASE WHEN state = 2 THEN '2.0.0' ELSE '5.7.1' END, cause, 'as it was said q' || id,
        200 * 2 ^ (i / 24 %% 8), %(begin)s + (i %% 24) * interval '1 hour'
    FROM numbered
"""
_EVENTS = """
    INSERT INTO delivery_event (kind, workspace_id, mailing_id, message_id, link)
    SELECT (ARRAY['open', 'click', 'complaint'])[1 + id %% 3], %(workspace)s, %(mailing)s, id,
        CASE WHEN id %% 3 = 1 THEN 0 END
    FROM delivery_message WHERE mailing_id = %(mailing)s AND id %% 10 = 0 AND id > %(after)s
"""


@dataclass(frozen=True)
class Read:
    """What one query of a report read."""

    report: str
    query: int
    rows: int


def measure() -> dict[str, Any]:
    """By size: what the folds cost, and the rows that each query read."""
    from analytics import folding

    world, told = _world(), {}
    for before, size in zip((0, *SIZES), SIZES, strict=False):
        _grow(world, before, size)
        seconds = {name: _fold(name) for name in folding.FOLDS}
        reads = [read for name, make in _reports(world).items() for read in _of(name, make)]
        told[size] = {
            "fold_us_a_message": {name: round(one * 1e6 / (size - before), 1) for name, one in seconds.items()},
            "rows": {f"{read.report} {read.query}": read.rows for read in reads},
        }
    return told


def show(told: dict[int, Any]) -> None:
    print("\nrows that each query of the reports reads, by messages", flush=True)
    print(f"  {'':34}" + "".join(f"{size:>12,}" for size in told))
    names = list(told[SIZES[0]]["rows"])
    for name in names:
        print(f"  {name:34}" + "".join(f"{one['rows'].get(name, 0):>12,}" for one in told.values()))
    grown = [
        name for name in names if told[SIZES[-1]]["rows"].get(name, 0) > MAY_GROW * told[SIZES[0]]["rows"][name] + 50
    ]
    print(f"  none grows with the messages: {'yes' if not grown else 'NO: ' + ', '.join(grown)}")
    for name in told[SIZES[0]]["fold_us_a_message"]:
        costs = ", ".join(f"{one['fold_us_a_message'][name]:.1f}" for one in told.values())
        print(f"  folding the roll-ups of {name}: {costs} µs a message", flush=True)


def _world() -> Any:
    from tests.delivery.queue import world as worlds

    made = worlds.make()
    made.people(["a@example.com"])
    return made


def _mailing(world: Any) -> Any:
    from django.utils import timezone

    from campaigns.models import Campaign
    from delivery.models import Mailing

    found = Mailing.objects.filter(kind=Mailing.Kind.CAMPAIGN).first()
    if found is None:
        found = world.mailing()
        Mailing.objects.filter(pk=found.pk).update(state="finished", started_at=timezone.now())
        Campaign.objects.create(workspace=world.workspace, name="Bench", mailing=found, state="scheduled")
        found.refresh_from_db()
    return found


def _grow(world: Any, before: int, size: int) -> None:
    """From so many messages to so many, with their logs."""
    import datetime as dt

    from django.db import connection
    from django.db.models import Max
    from django.utils import timezone

    from delivery.models import Domain, Message

    names = ("gmail.com", "docomo.ne.jp", "icloud.com", "yahoo.co.jp", "example.com", "example.org")
    domains = [Domain.objects.get_or_create(name=name)[0].pk for name in names]
    mailing = _mailing(world)
    last = Message.objects.aggregate(last=Max("pk"))["last"] or 0
    begin = timezone.now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=23)
    with connection.cursor() as cursor:
        for first in range(before, size, SLICE):
            values = {"first": first, "last": min(first + SLICE, size) - 1, "domains": domains}
            cursor.execute(_MESSAGES, {"mailing": mailing.pk, "begin": begin, **values})
        cursor.execute(_EVENTS, {"workspace": world.workspace.pk, "mailing": mailing.pk, "after": last})
        cursor.execute("ANALYZE")


def _fold(name: str) -> float:
    """Seconds until everything is folded."""
    from analytics import folding

    began = time.perf_counter()
    while folding.fold(name):
        pass
    return time.perf_counter() - began


def _reports(world: Any) -> dict[str, Callable[[], object]]:
    """The pages of figures, as their views make them."""
    from django.utils import timezone

    from analytics import advice, codes, health, overview, proofs, reports, waiting
    from analytics.advice import Asked

    choice = health.Choice(workspace=world.workspace, days=30, sandbox=False, until=timezone.now())
    mailing = _mailing(world)
    return {
        "health": lambda: health.look(choice),
        "health: advice": lambda: advice.advice(choice, Asked(cause="content_spam")),
        "health: waiting": lambda: waiting.waiting(choice, []),
        "health: proofs": lambda: proofs.proofs(choice),
        "health: codes": lambda: codes.codes(choice),
        "campaign report": lambda: reports.report(mailing),
        "overview": lambda: overview.overview(world.workspace),
    }


def _of(name: str, make: Callable[[], object]) -> Iterator[Read]:
    for number, (sql, parameters) in enumerate(_queries(make), 1):
        if (rows := _rows_read(sql, parameters)) > 0:
            yield Read(name, number, rows)


def _queries(make: Callable[[], object]) -> list[tuple[str, Any]]:
    """The SELECTs that the product sends while it makes a report."""
    from django.db import connection

    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.lstrip()[:6].upper() in ("SELECT", "WITH C"):
            seen.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        make()
    return seen


def _rows_read(sql: str, parameters: Any) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return sum(_scanned(plan[0]["Plan"]))


def _scanned(node: dict[str, Any]) -> Iterator[int]:
    """Of the scans of tables: what they gave, and what they looked at and threw away."""
    if "Relation Name" in node:
        rows = (
            node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        )
        yield round(rows * node["Actual Loops"])
    for child in node.get("Plans", []):
        yield from _scanned(child)
