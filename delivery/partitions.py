"""Monthly partitions of the append-only tables: made ahead, dropped when the retention is over."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.conf import settings
from django.db import connection

TABLES = ("delivery_attempt", "delivery_event")
AHEAD = 2  # months


def months(today: date, *, ahead: int) -> list[date]:
    """The first days of this month and the next ones. Pure."""
    first = today.replace(day=1)
    return [_add(first, number) for number in range(ahead + 1)]


def oldest_kept(today: date, retention: int) -> date:
    """Partitions of months before this one are dropped. Pure."""
    return _add(today.replace(day=1), -retention)


def _add(first: date, number: int) -> date:
    index = first.year * 12 + first.month - 1 + number
    return date(index // 12, index % 12 + 1, 1)


def roll(today: date | None = None) -> None:
    """Idempotent; a month whose rows lie in the default partition already is left there."""
    now = today or datetime.now(UTC).date()
    for table in TABLES:
        for month in months(now, ahead=AHEAD):
            _make(table, month)
        for name in _older(table, oldest_kept(now, settings.RETENTION_MONTHS)):
            _run(f'DROP TABLE "{name}"')


def _make(table: str, month: date) -> None:
    name, start, end = f"{table}_{month:%Y_%m}", month.isoformat(), _add(month, 1).isoformat()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {table}_default WHERE at >= %s::timestamptz AND at < %s::timestamptz)",
            [f"{start} UTC", f"{end} UTC"],
        )
        if cursor.fetchone()[0]:
            return
    _run(f"CREATE TABLE \"{name}\" PARTITION OF {table} FOR VALUES FROM ('{start} UTC') TO ('{end} UTC')")


def _older(table: str, oldest: date) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'",
            [table],
        )
        names = [row[0] for row in cursor.fetchall()]
    return [name for name in names if name < f"{table}_{oldest:%Y_%m}"]


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
