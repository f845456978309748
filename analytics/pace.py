"""How fast a mailing goes and when it will be done. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = 5  # minutes that say how fast it goes now
EARLIEST = timedelta(seconds=30)  # nothing is foretold before this
SPREAD = 0.1  # nobody knows the pace of the next minutes better than to a tenth


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


def pace(
    minutes: Sequence[Minute],
    *,
    waiting: int,
    tried: int,
    started_at: datetime,
    now: datetime,
    ended_at: datetime | None = None,
) -> Pace:
    """From the minutes so far (oldest first). `waiting` are people not tried yet, `tried` those who were, once or more.

    The range is that of the last minutes, at least a tenth to both sides, rounded outwards to whole minutes.
    """
    elapsed = max((now - started_at).total_seconds() / 60, 1 / 60)
    average = _average(minutes, tried, started_at, ended_at or now)
    since = now - timedelta(minutes=WINDOW)
    recent = [minute for minute in minutes if minute.at >= since.replace(second=0, microsecond=0)]
    span = min(elapsed, max((now - recent[0].at).total_seconds() / 60, 1 / 60)) if recent else 1.0
    speed = sum(minute.tried for minute in recent) / span
    if not waiting or now - started_at < EARLIEST or speed <= 0:
        return Pace(speed, average, None, None)
    rates = [float(minute.tried) for minute in recent[:-1] if minute.tried]
    fast, slow = max([*rates, speed * (1 + SPREAD)]), min([*rates, speed * (1 - SPREAD)])
    return Pace(speed, average, *_whole(now, waiting / fast, waiting / slow))


def _average(minutes: Sequence[Minute], tried: int, started_at: datetime, until: datetime) -> float:
    """Over the minutes in which somebody was tried, so that neither a pause nor the time after the end lowers it.

    Up to the minute by which as many answers had come as people were tried: the few retries of the days after are no
    pace. Of the first and the last minute only the part counts in which the mailing was sent.
    """
    answers, seconds = 0, 0.0
    for minute in minutes:
        if not minute.tried:
            continue
        begin, end = max(minute.at, started_at), min(minute.at + timedelta(minutes=1), until)
        answers, seconds = answers + minute.tried, seconds + max((end - begin).total_seconds(), 0)
        if answers >= tried:
            break
    return answers / max(seconds, 1) * 60


def _whole(now: datetime, soonest: float, longest: float) -> tuple[datetime, datetime]:
    """The range of two spans in minutes, outwards to whole steps: the further off, the rougher."""
    step = timedelta(minutes=1 if longest < 60 else 5 if longest < 360 else 15)
    first, last = now + timedelta(minutes=soonest), now + timedelta(minutes=longest)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return first - (first - day) % step, last + (day - last) % step


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
