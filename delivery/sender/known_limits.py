"""Limits and slowings as one process knows them."""

from __future__ import annotations

import asyncio

from delivery import buckets, slowdowns
from delivery.models import Limit
from delivery.sender.database import Database
from delivery.slowdowns import Slowdown

LIMITS_SECONDS = 1.0  # they are read again after this: a lease may last longer than who slows it down can wait


class KnownLimits:
    """All methods but `__init__` belong to the process's event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rows: list[Limit] = []
        self._slowdowns: list[Slowdown] = []
        self._read_at = -LIMITS_SECONDS
        self._lock = asyncio.Lock()

    async def read(self) -> list[Limit]:
        """As they are now; what `slowed` tells is read with them. Raises what the database raises."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._read_at >= LIMITS_SECONDS:
                self.rows, self._slowdowns = await self._database.ask(_limits_and_slowdowns)
                self._read_at = now
            return self.rows

    def read_again(self) -> None:
        """They have just changed."""
        self._read_at = -LIMITS_SECONDS

    def slowed(self) -> dict[str, float]:
        """Messages a second now, by key, where a receiver asked us to slow down."""
        later = asyncio.get_running_loop().time() - self._read_at
        return {one.key: one.rate(later) for one in self._slowdowns}


def _limits_and_slowdowns() -> tuple[list[Limit], list[Slowdown]]:
    return buckets.limits(), slowdowns.current()
