"""The roll-ups of delivery health stay small: hours that no page can tell apart any more become days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from analytics import folding
from analytics.health import PERIODS
from analytics.models import Fold
from delivery.partitions import oldest_kept

HOURS_KEPT = timedelta(days=max(PERIODS) + 3)  # the days of a period are its reader's, in whatever zone
SETTLED = timedelta(days=2)  # after it nearly nobody moves: cells that all have left go

# A move out of an hour that has become a day stands below nobody in an hour of its own until the next night.
_DAYS = """
    WITH gone AS (
        DELETE FROM {table} WHERE hour < %(until)s AND hour <> date_trunc('day', hour, 'UTC') RETURNING *
    )
    INSERT INTO {table} AS r (workspace_id, sandbox, hour, sending_domain_id, {key}, {sums})
    SELECT workspace_id, sandbox, date_trunc('day', hour, 'UTC'), sending_domain_id, {key}, {summed}
    FROM gone GROUP BY workspace_id, sandbox, date_trunc('day', hour, 'UTC'), sending_domain_id, {key}
    ON CONFLICT (workspace_id, sandbox, hour, sending_domain_id, {key}) DO UPDATE SET {added}
"""
_HOURS_TO_DAYS = _DAYS.format(
    table="analytics_healthhour",
    key="provider, outcome, cause, code",
    sums="n, first_at, last_at",
    summed="sum(n), min(first_at), max(last_at)",
    added="n = r.n + excluded.n, first_at = least(r.first_at, excluded.first_at),"
    " last_at = greatest(r.last_at, excluded.last_at)",
)
_WAITS_TO_DAYS = _DAYS.format(
    table="analytics_healthwait", key="provider, step", sums="n", summed="sum(n)", added="n = r.n + excluded.n"
)
_FORGET = "DELETE FROM {table} WHERE hour < %(month)s OR (n = 0 AND hour < %(settled)s)"


@transaction.atomic
def age(now: datetime | None = None) -> None:
    """Hours beyond the longest period become days; days go with the logs, after RETENTION_MONTHS.

    No fold runs meanwhile: the next tick goes on where it stood.
    """
    now = now or timezone.now()
    month = datetime.combine(oldest_kept(now.date(), settings.RETENTION_MONTHS), time(tzinfo=UTC))
    bounds = {"until": now - HOURS_KEPT, "month": month, "settled": now - SETTLED}
    list(Fold.objects.select_for_update().filter(name=folding.HEALTH))
    with connection.cursor() as cursor:
        for sql in (_HOURS_TO_DAYS, _WAITS_TO_DAYS):
            cursor.execute(sql, bounds)
        for table in ("analytics_healthhour", "analytics_healthwait"):
            cursor.execute(_FORGET.format(table=table), bounds)
