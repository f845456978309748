"""Who waits for a provider that is mailed again goes on at once, instead of at their next look."""

from __future__ import annotations

from django.db import connection

from delivery.queue import lanes, leasing

_RUNS = "UPDATE delivery_run SET not_before = NULL WHERE cursor <= last AND site_id = %s AND not_before IS NOT NULL"
# Those whom the pause moved on; whom a server told to wait longer waits on.
_DEFERRED = """
    UPDATE delivery_deferral SET due_at = now() WHERE message_id IN (
        SELECT f.message_id FROM delivery_mailing m JOIN delivery_deferral f ON f.mailing_id = m.id
        WHERE m.state = 'sending' AND f.lane = %s AND f.lease_id IS NULL
            AND f.due_at > now() AND f.due_at <= now() + %s * interval '1 second'
        FOR UPDATE OF f SKIP LOCKED
    )
"""


def wake(site: int) -> None:
    """Of all mailings that send."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, [site])
        cursor.execute(_DEFERRED, [lanes.site_lane(site), leasing.PROVIDER_REST])
