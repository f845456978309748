"""A place that says nothing while somebody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LONGEST = 20.0  # seconds without a connection or an answer


class Silence:
    """Calls `fell_silent` each time that nothing was heard for so long. Its times are scaled by `patience`."""

    def __init__(self, patience: float, awaited: Callable[[], bool], fell_silent: Callable[[], None]) -> None:
        self._longest = LONGEST * patience
        self._awaited, self._fell_silent = awaited, fell_silent
        self._loop = asyncio.get_running_loop()
        self._heard_at = 0.0
        self._watching = False

    def heard(self) -> None:
        self._heard_at = self._loop.time()

    @property
    def lasts(self) -> float:
        """Seconds since somebody began to wait or something was heard; not scaled."""
        return self._loop.time() - self._heard_at if self._watching else 0.0

    def watch(self) -> None:
        """Somebody waits, from now on if nobody did before."""
        if not self._watching:
            self._watching = True
            self.heard()
            self._look()

    def _look(self) -> None:
        self._watching = self._awaited()
        if not self._watching:
            return
        if self._loop.time() - self._heard_at >= self._longest:
            self.heard()
            self._fell_silent()
        self._loop.call_later(self._longest / 10, self._look)
