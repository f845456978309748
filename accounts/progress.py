"""How fast, and how long still: arithmetic on samples of (seconds, done). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 300.0  # seconds looked back
FIRST = 30.0  # seconds before an estimate is worth showing
SPREAD = 0.2  # the range never claims to be tighter than this
KEEP = 30  # samples kept, so ten seconds apart

Sample = Sequence[float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`rate` a second over the last five minutes; `low` to `high` seconds left."""

    rate: float
    low: float
    high: float


def add_sample(samples: Sequence[Sample], done: int, *, now: float) -> list[list[float]]:
    """The samples with this moment added, at most KEEP of the last WINDOW seconds."""
    kept = [list(sample) for sample in samples if now - sample[0] <= WINDOW]
    if len(kept) > 1 and now - kept[-2][0] < WINDOW / KEEP:
        kept.pop()
    return [*kept, [now, done]][-KEEP - 1 :]


def estimate(samples: Sequence[Sample], *, left: int, now: float) -> Estimate | None:
    """None while fewer than FIRST seconds were seen, or when nothing moved."""
    recent = [sample for sample in samples if now - sample[0] <= WINDOW]
    if len(recent) < 2 or recent[-1][0] - recent[0][0] < FIRST:
        return None
    rates = _rates(recent)
    rate = (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
    if rate <= 0:
        return None
    slow, fast = min(rate * (1 - SPREAD), rates[0]), max(rate * (1 + SPREAD), rates[1])
    return Estimate(rate, left / fast, left / slow)


def _rates(samples: Sequence[Sample]) -> tuple[float, float]:
    """Rates of the slower and the faster half, so that the range widens when the pace changes."""
    middle = samples[len(samples) // 2]
    halves = []
    for a, b in ((samples[0], middle), (middle, samples[-1])):
        if b[0] > a[0] and b[1] > a[1]:
            halves.append((b[1] - a[1]) / (b[0] - a[0]))
    whole = (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])
    return min(halves, default=whole), max(halves, default=whole)
