"""Who waits for a provider or a route that is open again goes on at once, instead of at their next look."""

from __future__ import annotations

from typing import Any

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
_RUNS_OF_ROUTE = """
    UPDATE delivery_run SET not_before = NULL WHERE cursor <= last AND not_before IS NOT NULL
        AND mailing_id IN (SELECT mailing_id FROM delivery_mailingroute WHERE route_id = %(route)s)
"""
# Also those whom its closing moved on.
_DEFERRED_OF_ROUTE = """
    UPDATE delivery_deferral SET due_at = now() WHERE message_id IN (
        SELECT f.message_id FROM delivery_mailing m JOIN delivery_mailingroute r ON r.mailing_id = m.id
            JOIN delivery_deferral f ON f.mailing_id = m.id
        WHERE r.route_id = %(route)s AND m.state IN ('sending', 'paused') AND f.lease_id IS NULL
            AND f.due_at > now() AND f.due_at <= greatest(now() + %(rest)s * interval '1 second',
                (SELECT max(closed_until) FROM delivery_bucket WHERE key ~ %(closed)s))
        FOR UPDATE OF f SKIP LOCKED
    )
"""


def wake(site: int) -> None:
    """Of all mailings that send."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, [site])
        cursor.execute(_DEFERRED, [lanes.site_lane(site), leasing.PAUSED_REST])


def wake_route(route: int) -> None:
    """Of all mailings that go over it. Before its closings are forgotten: they tell how far people were moved on."""
    of_route: dict[str, Any] = {"route": route, "rest": leasing.PAUSED_REST, "closed": rf"^route:{route}(/|$)"}
    with connection.cursor() as cursor:
        cursor.execute(_RUNS_OF_ROUTE, of_route)
        cursor.execute(_DEFERRED_OF_ROUTE, of_route)
