"""Connections that all workers share: a slot is a session lock of the database, so that a dead worker frees its own."""

from __future__ import annotations

import zlib

from django.db import connection

_SPACE = 0x5117_0000  # keeps our locks apart from others' in the same database


class Slots:
    """All calls must come from one thread: the locks belong to its connection."""

    def __init__(self) -> None:
        self._held: dict[str, set[int]] = {}
        self._session: object = None

    def take(self, key: str, most: int | None) -> int | None:
        """A free slot of `most`, or None. Without a limit there is nothing to ask: slot 0."""
        if most is None:
            return 0
        self._same_session()
        held = self._held.setdefault(key, set())
        with connection.cursor() as cursor:
            # A session may take its own lock again: those it holds are left out.
            cursor.execute(
                "SELECT slot FROM generate_series(1, %s) AS slot"
                " WHERE slot <> ALL(%s) AND pg_try_advisory_lock(%s, slot) LIMIT 1",
                [most, list(held), _number(key)],
            )
            row = cursor.fetchone()
        if row is None:
            return None
        held.add(row[0])
        return int(row[0])

    def give(self, key: str, slot: int) -> None:
        if slot and slot in self._held.get(key, ()):
            self._held[key].discard(slot)
            if self._same_session():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_number(key), slot])

    def close(self) -> None:
        """The locks go with their session."""
        connection.close()

    def _same_session(self) -> bool:
        """After a lost connection the locks are gone: forget them."""
        connection.ensure_connection()
        if self._session is not connection.connection:
            self._session = connection.connection
            self._held.clear()
            return False
        return True


def _number(key: str) -> int:
    return (zlib.crc32(key.encode()) ^ _SPACE) - 2**31
