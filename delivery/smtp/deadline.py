"""One deadline that moves often and rings seldom: a timer a message would cost more than the message's commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """A single timer, set anew only when it rings too early or must ring sooner."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_passed: Callable[[float], None]) -> None:
        self._loop, self._on_passed = loop, on_passed
        self._at = self._rings_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        """Passes at this time of the loop's clock, unless it is moved before."""
        self._at = at
        if self._timer is None or at < self._rings_at:
            if self._timer:
                self._timer.cancel()
            self._rings_at, self._timer = at, self._loop.call_at(at, self._ring)

    def clear(self) -> None:
        """Never passes; the timer may still ring, to no effect."""
        self._at = 0.0

    def stop(self) -> None:
        """For good."""
        self._at = 0.0
        if self._timer:
            self._timer.cancel()

    def _ring(self) -> None:
        self._timer = None
        if not self._at:
            return
        now = self._loop.time()
        if now < self._at:
            self.set(self._at)
        else:
            self._on_passed(now)
