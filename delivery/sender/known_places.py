"""The places of one process by key: made when first asked for, read again when stale, let go when nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from delivery.sender.jobs import Line
from delivery.sender.places import Place

if TYPE_CHECKING:
    from delivery.sender.process import Process

FRESH_SECONDS = 30.0  # what is read about a route is read again after this


class KnownPlaces:
    """All methods but `__init__` belong to the process's event loop."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._known: dict[str, tuple[Place, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._old: set[Place] = set()

    async def at(self, key: str, line: Callable[..., Line], *args: object) -> Place:
        """The place of this key, one at a time; its line is read again when it is stale."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            now = asyncio.get_running_loop().time()
            known = self._known.get(key)
            if known and now - known[1] < FRESH_SECONDS:
                return known[0]
            found = await self._process.database.ask(line, *args)
            if known and known[0].line == found:
                self._known[key] = (known[0], now)
                return known[0]
            if known:
                self._old.add(known[0])
            self._known[key] = (Place(self._process, found), now)
            return self._known[key][0]

    def all(self) -> list[Place]:
        return [place for place, _ in self._known.values()] + list(self._old)

    def doubt(self, line: Line) -> None:
        """Read again before they are next used: somebody may have set it right."""
        self._known = {
            key: (place, -FRESH_SECONDS if place.line.key == line.key else read_at)
            for key, (place, read_at) in self._known.items()
        }

    def rest(self) -> None:
        """Close idle connections, forget places where nothing is under way."""
        now = asyncio.get_running_loop().time()
        for place in self.all():
            place.rest()
        self._old = {place for place in self._old if place.busy}
        self._known = {
            key: (place, read_at)
            for key, (place, read_at) in self._known.items()
            if place.busy or now - read_at < FRESH_SECONDS
        }
        self._locks = {key: lock for key, lock in self._locks.items() if key in self._known or lock.locked()}
