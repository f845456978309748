"""When a message is tried again."""

from __future__ import annotations

import pytest

from delivery import retry
from delivery.knowledge import Category

HOURS_72 = 72 * 3600


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_greylisting_is_retried_in_5_to_15_minutes(chance: float) -> None:
    assert 300 <= retry.delay(Category.GREYLISTED, 1, chance) <= 900


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_everything_else_waits_half_an_hour_and_longer_each_time(chance: float) -> None:
    waits = [retry.delay(Category.REMOTE_BUSY, attempt, chance) for attempt in range(1, 12)]

    assert waits[0] >= 1800  # RFC 5321, 4.5.4.1
    assert waits == sorted(waits)
    assert max(waits) <= retry.LONGEST * 1.21
    assert sum(waits) > 24 * 3600


def test_the_sandbox_does_not_keep_people_waiting() -> None:
    assert retry.delay(Category.GREYLISTED, 1, 0.5, sandbox=True) == 20


def test_a_site_that_keeps_failing_is_closed_for_a_minute_doubling_to_thirty() -> None:
    assert [retry.closed_for(n) / 60 for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
