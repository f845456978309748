"""Waiting times as a histogram: steps that grow by √2, so that a percentile is right to a fifth. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LATE = 1800.0  # seconds: what came later is "late"; a bound of the steps
_LATE_STEP = 27  # the first step whose people were late
STEPS = 43  # the last one takes everything beyond 89 hours
# The lower bound of each step but the first (0), in seconds: 0.22 s … 89 h.
BOUNDS: tuple[float, ...] = tuple(LATE * 2 ** ((step - _LATE_STEP) / 2) for step in range(1, STEPS))


def percentile(steps: Mapping[int, int], share: float) -> float | None:
    """The seconds within which `share` (0 to 1) of the people had it; None where there is nobody.

    Within a step people are taken to lie evenly.
    """
    people = sum(steps.values())
    if not people:
        return None
    wanted, seen = share * people, 0
    for step in sorted(steps):
        if seen + steps[step] >= wanted and steps[step]:
            low, high = _span(step)
            return low + (high - low) * (wanted - seen) / steps[step]
        seen += steps[step]
    return _span(max(steps))[1]


def late(steps: Mapping[int, int]) -> int:
    """How many waited for LATE or longer."""
    return sum(people for step, people in steps.items() if step >= _LATE_STEP)


def _span(step: int) -> tuple[float, float]:
    low = BOUNDS[step - 1] if step else 0.0
    return low, BOUNDS[step] if step < len(BOUNDS) else low * 2**0.5
