"""Percentiles from the steps of a histogram."""

from __future__ import annotations

from bisect import bisect_right

import pytest

from analytics import waits


def steps(*seconds: float) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in seconds:
        step = bisect_right(waits.BOUNDS, one)  # as PostgreSQL's width_bucket
        found[step] = found.get(step, 0) + 1
    return found


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_percentile_is_right_to_a_fifth(share: float) -> None:
    seconds = [0.3 * 1.02**n for n in range(600)]
    found = waits.percentile(steps(*seconds), share)
    assert found == pytest.approx(seconds[int(share * 600)], rel=0.2)


def test_half_an_hour_is_late_and_a_second_less_is_not() -> None:
    assert waits.late(steps(1799, 1800, 90_000)) == 2


def test_nobody_waits_for_no_time() -> None:
    assert waits.percentile({}, 0.95) is None
    assert (waits.percentile(steps(400_000), 1.0) or 0) > 300_000
