from __future__ import annotations

import datetime as dt

import pytest

from analytics.pace import Minute, columns, pace

NINE = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


def minutes(*delivered: int) -> list[Minute]:
    return [Minute(NINE + dt.timedelta(minutes=n), delivered=people) for n, people in enumerate(delivered)]


def at(minutes: float) -> dt.datetime:
    return NINE + dt.timedelta(minutes=minutes)


def test_an_even_pace_foretells_its_end_as_a_range() -> None:
    found = pace(minutes(100, 100, 100, 100), waiting=200, tried=400, started_at=NINE, now=at(4))
    assert (round(found.now), round(found.average)) == (100, 100)
    assert (found.earliest, found.latest) == (at(5), at(7))


@pytest.mark.parametrize("waiting", [1, 90, 3_000, 30_000, 300_000])
def test_the_two_ends_never_meet_and_are_whole_minutes(waiting: int) -> None:
    found = pace(minutes(100, 100, 100), waiting=waiting, tried=300, started_at=NINE, now=at(3))
    assert found.earliest and found.latest and found.earliest < found.latest
    assert {found.earliest.second, found.latest.second} == {0}
    assert found.earliest <= at(3 + waiting / 110) and found.latest >= at(3 + waiting / 90)


def test_an_uneven_pace_gives_a_wider_range() -> None:
    found = pace(minutes(50, 150, 100, 100), waiting=300, tried=400, started_at=NINE, now=at(4))
    assert (found.earliest, found.latest) == (at(6), at(10))


def test_nothing_is_foretold_in_the_first_half_minute_or_when_nothing_moves() -> None:
    early = pace(minutes(100), waiting=900, tried=100, started_at=NINE, now=at(1 / 3))
    still = pace([], waiting=900, tried=0, started_at=NINE, now=at(60))
    assert (early.earliest, still.earliest, still.now) == (None, None, 0)


def test_the_average_is_the_same_long_after_the_end() -> None:
    averages = [
        pace(minutes(100, 50), waiting=0, tried=150, started_at=NINE, now=at(now), ended_at=at(1.5)).average
        for now in (1.5, 2, 60, 6_000)
    ]
    assert averages == [100] * 4


def test_a_pause_does_not_lower_the_average() -> None:
    paused = [*minutes(100, 100), Minute(at(600), delivered=100)]
    assert pace(paused, waiting=0, tried=300, started_at=NINE, now=at(601)).average == 100


def test_late_retries_do_not_lower_the_average() -> None:
    trickle = [Minute(at(60 + n * 10), delivered=1) for n in range(50)]
    found = pace([*minutes(100, 100), *trickle], waiting=0, tried=200, started_at=NINE, now=at(900))
    assert found.average == 100


def test_a_long_send_is_drawn_in_few_columns_and_gaps_stay() -> None:
    far = [*minutes(5), Minute(NINE + dt.timedelta(hours=6), failed=7)]
    step, rows = columns(far)
    assert len(rows) <= 60 and step == 10
    assert (sum(row.delivered for row in rows), sum(row.failed for row in rows)) == (5, 7)
    assert any(row.tried == 0 for row in rows)
