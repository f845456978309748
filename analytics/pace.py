"""How fast a mailing goes and when it will be done. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = 5  # minutes that say how fast it goes now
EARLIEST = timedelta(seconds=30)  # nothing is foretold before this


@dataclass(frozen=True)
class Minute:
    """Answers that came in one minute."""

    at: datetime
    delivered: int = 0
    retrying: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def tried(self) -> int:
        return self.delivered + self.retrying + self.failed + self.unknown

    @property
    def ended(self) -> int:
        return self.delivered + self.failed + self.unknown


@dataclass(frozen=True)
class Pace:
    """People a minute now and on average; when it is done, between two moments. None where nothing can be said."""

    now: float
    average: float
    earliest: datetime | None
    latest: datetime | None


def pace(minutes: Sequence[Minute], *, waiting: int, started_at: datetime, now: datetime) -> Pace:
    """From the minutes so far (oldest first). `waiting` are those who were not tried yet."""
    elapsed = max((now - started_at).total_seconds() / 60, 1 / 60)
    total = sum(minute.tried for minute in minutes)
    average = total / elapsed
    since = now - timedelta(minutes=WINDOW)
    recent = [minute for minute in minutes if minute.at >= since.replace(second=0, microsecond=0)]
    span = min(elapsed, max((now - recent[0].at).total_seconds() / 60, 1 / 60)) if recent else 1.0
    speed = sum(minute.tried for minute in recent) / span
    if not waiting or now - started_at < EARLIEST or speed <= 0:
        return Pace(speed, average, None, None)
    rates = sorted(rate for rate in _rates(recent[:-1]) or [speed] if rate > 0) or [speed]
    fast, slow = max(rates[-1], speed), min(rates[0], speed)
    return Pace(speed, average, now + timedelta(minutes=waiting / fast), now + timedelta(minutes=waiting / slow))


def _rates(minutes: Sequence[Minute]) -> list[float]:
    """People in each whole minute."""
    return [float(minute.tried) for minute in minutes]


STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 360, 1440)  # minutes of one column


def columns(minutes: Sequence[Minute], most: int = 60) -> tuple[int, list[Minute]]:
    """At most `most` columns for the chart: (minutes of one column, columns), gaps filled with empty ones."""
    if not minutes:
        return 1, []
    first, last = minutes[0].at, minutes[-1].at
    span = int((last - first).total_seconds() // 60) + 1
    step = next((one for one in STEPS if span / one <= most), STEPS[-1])
    width = timedelta(minutes=step)
    edge = (
        first - timedelta(minutes=(first.hour * 60 + first.minute) % step)
        if step < 1440
        else first.replace(hour=0, minute=0)
    )
    sums: dict[int, list[int]] = {}
    for minute in minutes:
        into = sums.setdefault(int((minute.at - edge) / width), [0, 0, 0, 0])
        for position, number in enumerate((minute.delivered, minute.retrying, minute.failed, minute.unknown)):
            into[position] += number
    count = max(sums) + 1
    return step, [Minute(edge + n * width, *sums.get(n, [0, 0, 0, 0])) for n in range(min(count, 400))]
