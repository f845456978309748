"""When a send is done is said with its day, unless that is today."""

from __future__ import annotations

import datetime as dt
from unittest import mock

import pytest
from django.utils import timezone, translation

from analytics.pace import Pace
from analytics.words import rate_words
from delivery.queue.counts import Counts

NOON = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("language", "hours", "said"),
    [
        ("en", (1, 2), "90 per minute · done about 13:00–14:00"),
        ("en", (11, 13), "90 per minute · done about 23:00–November 28 01:00"),
        ("ja", (40, 46), "毎分90通 · 11月29日 04:00〜11月29日 10:00ごろ完了"),
    ],
)
def test_the_end_is_told_with_its_day_unless_that_is_today(language: str, hours: tuple[int, int], said: str) -> None:
    first, last = (NOON + dt.timedelta(hours=ahead) for ahead in hours)
    with translation.override(language), timezone.override(dt.UTC), mock.patch("django.utils.timezone.now") as now:
        now.return_value = NOON
        assert rate_words(Pace(90, 80, first, last), Counts(waiting=9)) == said
