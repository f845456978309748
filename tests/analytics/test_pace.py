from __future__ import annotations

import datetime as dt

from analytics.pace import Minute, columns, pace

NINE = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


def minutes(*delivered: int) -> list[Minute]:
    return [Minute(NINE + dt.timedelta(minutes=n), delivered=people) for n, people in enumerate(delivered)]


def test_an_even_pace_foretells_its_end() -> None:
    found = pace(minutes(100, 100, 100, 100), waiting=200, started_at=NINE, now=NINE + dt.timedelta(minutes=4))
    assert (round(found.now), round(found.average)) == (100, 100)
    assert found.earliest == found.latest == NINE + dt.timedelta(minutes=6)


def test_an_uneven_pace_gives_a_range() -> None:
    found = pace(minutes(50, 150, 100, 100), waiting=300, started_at=NINE, now=NINE + dt.timedelta(minutes=4))
    assert found.earliest and found.latest
    assert found.earliest < NINE + dt.timedelta(minutes=7) < found.latest


def test_nothing_is_foretold_in_the_first_half_minute_or_when_nothing_moves() -> None:
    early = pace(minutes(100), waiting=900, started_at=NINE, now=NINE + dt.timedelta(seconds=20))
    still = pace([], waiting=900, started_at=NINE, now=NINE + dt.timedelta(hours=1))
    assert (early.earliest, still.earliest, still.now) == (None, None, 0)


def test_a_long_send_is_drawn_in_few_columns_and_gaps_stay() -> None:
    far = [*minutes(5), Minute(NINE + dt.timedelta(hours=6), failed=7)]
    step, rows = columns(far)
    assert len(rows) <= 60 and step == 10
    assert (sum(row.delivered for row in rows), sum(row.failed for row in rows)) == (5, 7)
    assert any(row.tried == 0 for row in rows)
