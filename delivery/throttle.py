"""The arithmetic of limits: buckets that sell time, and caps counted in slots. Pure; times are seconds since the epoch.

A rate sells time: n messages move `next_at` on by n / rate, so that what was not used in time is gone and a stall is
not caught up in a burst. A cap per hour or day counts what was sold in 60 slots of the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

SLOTS = 60
HOUR = 3_600.0
DAY = 86_400.0
SLICE = 0.5  # seconds of a rate that are bought at once; whoever is later than that buys again
SAME = 1e-4  # seconds; the database keeps microseconds
FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """What one scope allows; None does not limit."""

    per_second: float | None = None
    per_minute: float | None = None
    per_hour: int | None = None
    per_day: int | None = None

    @property
    def rate(self) -> float:
        """Messages a second, the narrower of both; infinite if neither is set."""
        second = FOREVER if self.per_second is None else self.per_second
        minute = FOREVER if self.per_minute is None else self.per_minute / 60
        return min(second, minute)


@dataclass(frozen=True, slots=True)
class Window:
    """What was sold in the slots of one window; slot 0 begins at `since`, which lies on a slot's edge."""

    sold: tuple[int, ...] = ()
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What all workers share about one scope."""

    next_at: float = 0.0
    hour: Window = Window()
    day: Window = Window()


@dataclass(frozen=True, slots=True)
class Sale:
    """`number` messages from `start` on, one every `gap` seconds; none bought: ask again at `start`."""

    number: int
    start: float
    gap: float


def roll(window: Window, length: float, now: float) -> Window:
    """The window as seen now: slots that have wholly left it are dropped, so that at most 60 and the current one stay.

    What was sold late in a slot is still in the window then: no hour and no day ever sees more than its cap.
    """
    width = length / SLOTS
    edge = math.floor(now / width) * width
    oldest = edge - length
    if not window.sold or window.since > edge:
        return Window((0,), edge) if not window.sold else window
    dropped = max(0, round((oldest - window.since) / width))
    sold = window.sold[dropped:]
    since = window.since + dropped * width
    missing = round((edge - since) / width) + 1 - len(sold) if sold else 0
    return Window((*sold, *([0] * max(0, missing))), since) if sold else Window((0,), edge)


def left(window: Window, cap: int | None) -> float:
    """How many the cap still allows; `window` has been rolled."""
    return FOREVER if cap is None else max(0, cap - sum(window.sold))


def opens_at(window: Window, length: float) -> float:
    """When the oldest slot that sold something has wholly left the window."""
    width = length / SLOTS
    first = next((index for index, sold in enumerate(window.sold) if sold), 0)
    return window.since + (first + 1) * width + length


def add(window: Window, number: int) -> Window:
    """Count `number` (negative: given back) in the newest slot; a rolled window has one."""
    *earlier, last = window.sold or (0,)
    return replace(window, sold=(*earlier, max(0, last + number)))


def sell(
    scopes: Sequence[tuple[Bucket, Limits]], wanted: int, now: float, *, within: float = FOREVER
) -> tuple[Sale, list[Bucket]]:
    """Buy up to `wanted` messages from all scopes at once; back come the sale and the buckets as they are then.

    The narrowest scope holds: the start is the latest, the gap the widest, the number what every cap allows. What
    would begin later than `within` seconds from now is not sold.
    """
    rolled = [_rolled(bucket, limits, now) for bucket, limits in scopes]
    number, again = _allowed(rolled, scopes, wanted)
    if number <= 0:
        return Sale(0, again, 0.0), rolled
    rate = min((limits.rate for _, limits in scopes), default=FOREVER)
    start = max([now, *(bucket.next_at for bucket in rolled)])
    if start - now > within:
        return Sale(0, start, 0.0), rolled
    gap = 0.0 if rate is FOREVER or rate == FOREVER else 1 / rate
    sold = [_sold(bucket, limits, number, start) for bucket, (_, limits) in zip(rolled, scopes, strict=True)]
    return Sale(number, start, gap), sold


def give_back(bucket: Bucket, limits: Limits, sale: Sale, number: int) -> Bucket:
    """`number` messages at the end of this sale were not sent. Their time can be sold again only while nobody has
    bought after it: else two would use the same seconds."""
    rate = limits.rate
    end = bucket.next_at if rate == FOREVER else sale.start + sale.number / rate
    is_last = abs(bucket.next_at - end) < SAME
    return Bucket(
        end - number / rate if is_last else bucket.next_at,
        add(bucket.hour, -number) if limits.per_hour is not None else bucket.hour,
        add(bucket.day, -number) if limits.per_day is not None else bucket.day,
    )


def batch(rate: float, most: int, *, changing: bool = False) -> int:
    """How many to buy at once: half a second's worth, so that a second's figure stays within a few per cent; half of
    that where the rate changes all the time, since what was bought goes at the rate of then."""
    return most if rate == FOREVER else max(1, min(most, round(rate * (SLICE / 2 if changing else SLICE))))


def narrowest(limits: Iterable[Limits]) -> float:
    """The rate of the narrowest scope, infinite if none limits."""
    return min((limit.rate for limit in limits), default=FOREVER)


def _rolled(bucket: Bucket, limits: Limits, now: float) -> Bucket:
    return Bucket(
        bucket.next_at,
        roll(bucket.hour, HOUR, now) if limits.per_hour is not None else bucket.hour,
        roll(bucket.day, DAY, now) if limits.per_day is not None else bucket.day,
    )


def _allowed(rolled: Sequence[Bucket], scopes: Sequence[tuple[Bucket, Limits]], wanted: int) -> tuple[int, float]:
    """What all caps allow, and when to ask again if that is nothing."""
    number, again = float(wanted), 0.0
    for bucket, (_, limits) in zip(rolled, scopes, strict=True):
        for window, cap, length in ((bucket.hour, limits.per_hour, HOUR), (bucket.day, limits.per_day, DAY)):
            free = left(window, cap)
            if free <= 0:
                again = max(again, opens_at(window, length))
            number = min(number, free)
    return int(number), again


def _sold(bucket: Bucket, limits: Limits, number: int, start: float) -> Bucket:
    rate = limits.rate
    return Bucket(
        bucket.next_at if rate == FOREVER else start + number / rate,
        add(bucket.hour, number) if limits.per_hour is not None else bucket.hour,
        add(bucket.day, number) if limits.per_day is not None else bucket.day,
    )
