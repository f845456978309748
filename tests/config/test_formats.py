from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from config.formats import moment_text, number, share, whole_percent

TODAY = dt.date(2026, 11, 24)
MOMENT = dt.datetime(2026, 11, 27, 9, 4, 7, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (33702, 34480, "97.7%"),
        (21, 33702, "0.06%"),
        (1, 1_000_000, "<0.01%"),
        (0, 10, "0%"),
        (10, 10, "100%"),
        (99_999, 100_000, "99.9%"),
        (3, 0, "–"),
        (None, 10, "–"),
    ],
)
def test_a_share_never_says_none_or_all_unless_it_is(part: int | None, whole: int, said: str) -> None:
    assert share(part, whole) == said


def test_complaints_have_two_decimals() -> None:
    assert share(63, 21_100, fine=True) == "0.30%"


def test_progress_is_rounded_down() -> None:
    assert whole_percent(999, 1000) == "99%"


def test_figures_are_grouped() -> None:
    assert (number(98412), number(None)) == ("98,412", "–")


@pytest.mark.parametrize(
    ("language", "style", "said"),
    [
        ("ja", "full", "2026年11月27日(金) 9:04"),
        ("en", "full", "Fri 27 Nov 2026, 09:04"),
        ("ja", "short", "11月27日(金) 9:04"),
        ("en", "short", "Fri 27 Nov, 09:04"),
        ("en", "date", "Fri 27 Nov"),
        ("en", "seconds", "09:04:07"),
        ("ja", "time", "9:04"),
    ],
)
def test_times_are_written_as_their_readers_write_them(language: str, style: str, said: str) -> None:
    assert moment_text(MOMENT, language, style, today=TODAY) == said
