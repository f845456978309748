"""A new address earns its name slowly: what a plan allows on which day, and how long an audience takes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86_400.0  # seconds
# What is offered: a few hundred who know us, doubled while nobody objects, then slower.
USUAL = (200, 400, 800, 1_600, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000, 80_000)
MOST_DAYS = 90


@dataclass(frozen=True, slots=True)
class Today:
    """Where a plan stands. `used` is what counts against the cap now: the messages of the last 24 hours."""

    caps: tuple[int, ...]
    day: int  # 0 is the first
    used: int = 0
    held: bool = False  # paused: the cap of this day stays

    @property
    def cap(self) -> int:
        return self.caps[self.day]

    @property
    def left(self) -> int:
        return max(0, self.cap - self.used)


def day_of(seconds: float, caps: Sequence[int]) -> int | None:
    """The day, so many seconds after the plan's start; None before it and after its end, when nothing is capped."""
    day = math.floor(seconds / DAY)
    return day if 0 <= day < len(caps) else None


def days(today: Today, people: int) -> int:
    """Days until the last of so many people can be sent to: 0 is today. After the plan's end nothing holds them."""
    waiting = people - today.left
    if waiting <= 0:
        return 0
    if today.held:
        return math.ceil(waiting / today.cap)
    for later, cap in enumerate(today.caps[today.day + 1 :], start=1):
        waiting -= cap
        if waiting <= 0:
            return later
    return len(today.caps) - today.day
