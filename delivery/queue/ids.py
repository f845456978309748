"""Blocks of message ids: a run is a range, so its ids must lie side by side."""

from __future__ import annotations

from django.db import connection

# One at a time, since the sequence cannot hand out a block. Any number that nothing else uses.
_LOCK = 7_021_934_001


def reserve(number: int) -> int:
    """The first of `number` ids in a row that nobody else will get. Within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(
            "SELECT setval(s, nextval(s) + %s) - %s FROM pg_get_serial_sequence('delivery_message', 'id') AS s",
            [number - 1, number - 1],
        )
        return int(cursor.fetchone()[0])
