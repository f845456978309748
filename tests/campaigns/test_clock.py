from __future__ import annotations

import datetime as dt

import pytest

from campaigns.clock import BadTime, instant

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_a_wall_time_in_tokyo_is_an_instant() -> None:
    assert instant(dt.datetime(2026, 11, 27, 9, 4), "Asia/Tokyo", now=NOW) == dt.datetime(
        2026, 11, 27, 0, 4, tzinfo=dt.UTC
    )


def test_an_hour_that_happens_twice_means_its_first_time() -> None:
    assert instant(dt.datetime(2026, 10, 25, 2, 30), "Europe/Berlin", now=NOW) == dt.datetime(
        2026, 10, 25, 0, 30, tzinfo=dt.UTC
    )


@pytest.mark.parametrize(
    ("wall", "zone", "said"),
    [
        (dt.datetime(2026, 3, 29, 2, 30), "Europe/Berlin", "does not exist"),  # the clocks go from 2 to 3
        (dt.datetime(2026, 3, 8, 2, 30), "America/New_York", "does not exist"),
        (dt.datetime(2026, 2, 28, 9, 0), "Asia/Tokyo", "has passed"),
        (dt.datetime(2028, 1, 1, 9, 0), "Asia/Tokyo", "a year away"),
        (dt.datetime(2026, 4, 1, 9, 0), "Mars/Olympus", "no such time zone"),
        (dt.datetime(2026, 4, 1, 9, 0), "../etc/passwd", "no such time zone"),
    ],
)
def test_a_time_that_cannot_be_is_refused(wall: dt.datetime, zone: str, said: str) -> None:
    with pytest.raises(BadTime, match=said):
        instant(wall, zone, now=NOW)
