"""When an alert opens, stays and closes: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics.alerting import CALM, RULES, Kind, Sign, decide, holds, quiet

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "part", "whole", "opens", "stays"),
    [
        (Kind.COMPLAINTS, 3, 3_000, True, True),
        (Kind.COMPLAINTS, 2, 2_000, False, True),  # too few people for an alert
        (Kind.COMPLAINTS, 3, 5_000, False, True),
        (Kind.COMPLAINTS, 2, 5_000, False, False),
        (Kind.COMPLAINTS, 3, 999, False, False),
        (Kind.ABSENT, 20, 1_000, True, True),
        (Kind.ABSENT, 19, 1_000, False, True),
        (Kind.ABSENT, 9, 1_000, False, False),
        (Kind.PROOF, 5, 500, True, True),
        (Kind.PROOF, 4, 500, False, True),
        (Kind.PROOF, 0, 500, False, False),
        (Kind.BLOCKED, 10, 200, True, True),
        (Kind.BLOCKED, 9, 200, False, True),
        (Kind.ROUTE, 1, 1, True, True),
    ],
)
def test_more_is_needed_to_open_than_to_stay(kind: Kind, part: int, whole: int, opens: bool, stays: bool) -> None:
    sign = Sign(kind, "x", part, whole)
    assert (holds(sign, is_open=False), holds(sign, is_open=True)) == (opens, stays)


def test_every_kind_has_its_rule() -> None:
    assert set(RULES) == set(Kind)


def test_it_closes_only_after_a_calm_while() -> None:
    key, calm = ("proof", "news.example.com"), Sign(Kind.PROOF, "news.example.com", 0, 500)
    assert decide([calm], {key: NOW - CALM + timedelta(seconds=1)}, now=NOW).closed == []
    assert decide([calm], {key: NOW - CALM}, now=NOW).closed == [key]
    again = decide([Sign(Kind.PROOF, "news.example.com", 4, 500)], {key: NOW - CALM}, now=NOW)
    assert (again.closed, [sign.key for sign in again.kept], again.opened) == ([], [key], [])


def test_two_sites_of_one_name_are_one_alert() -> None:
    """Two opened ones would break the rule that one is open, and with it every later round."""
    made = decide([Sign(Kind.PROVIDER, "microsoft"), Sign(Kind.PROVIDER, "microsoft")], {}, now=NOW)
    assert [sign.key for sign in made.opened] == [("provider", "microsoft")]


def test_night_is_from_nine_to_seven() -> None:
    assert [hour for hour in range(24) if quiet(hour)] == [0, 1, 2, 3, 4, 5, 6, 21, 22, 23]
