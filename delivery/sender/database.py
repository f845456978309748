"""Synchronous queue functions, called from the event loop: a few threads, each with its own connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from delivery import restored

T = TypeVar("T")
THREADS = 4
LONGEST_WAIT = 10.0  # seconds between two tries while the database is away


class Database:
    """`ask` raises what the database raises; `insist` tries until it answers."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def ask(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: _call(function, *args, **kwargs))

    async def insist(
        self, function: Callable[..., T], *args: Any, again: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> T:
        """For what must be written: the journal keeps it until then. `again` comes on top from the second try on, when
        nobody knows whether the one before was committed."""
        wait = 0.1
        while True:
            try:
                return await self.ask(function, *args, **kwargs)
            except (DatabaseError, InterfaceError):
                kwargs |= again or {}
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def close(self) -> None:
        """Each thread closes its own connection: none may close two."""
        together = threading.Barrier(self._threads)
        for _ in range(self._threads):
            self._pool.submit(_close_one, together)
        self._pool.shutdown()


def _close_one(together: threading.Barrier) -> None:
    together.wait()
    connection.close()


def _call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        _connect()
        return function(*args, **kwargs)
    except (DatabaseError, InterfaceError):
        # Broken or not: a fresh connection is cheap beside an error.
        connection.close()
        raise


def _connect() -> None:
    """A process that is stopped, or cut off, in the middle of a transaction keeps its locks no longer than its leases:
    without them nobody could recover those. And behind a new connection may be a database that was put back."""
    if connection.connection is not None:
        return
    try:
        with connection.cursor() as cursor:
            most = f"{settings.LEASE_SECONDS}s"
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [most])
        restored.look(settings.JOURNAL_DIR)
    except BaseException:
        connection.close()  # nothing is asked of one that was not looked at
        raise
