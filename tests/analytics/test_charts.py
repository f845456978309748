"""The headline of a chart says what was measured, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone, translation

from analytics import charts
from analytics.pace import Minute
from delivery.models import Mailing

State = Mailing.State
NINE = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
EVEN = [Minute(NINE, delivered=100), Minute(NINE + dt.timedelta(minutes=1), delivered=1200)]
REFUSED = [Minute(NINE, delivered=80, failed=20)]
TOLD_TO_WAIT = [Minute(NINE, delivered=80, retrying=20)]


@pytest.mark.parametrize(
    ("minutes", "state", "finding"),
    [
        ([], State.SENDING, "No answer has come yet"),
        (EVEN, State.SENDING, "Busiest minute 09:01: 1,200 answers"),
        (EVEN, State.FINISHED, "Busiest minute 09:01: 1,200 answers"),
        (EVEN, State.PAUSED, "Paused · busiest minute 09:01: 1,200 answers"),
        (EVEN, State.STOPPED, "Stopped · busiest minute 09:01: 1,200 answers"),
        (REFUSED, State.FINISHED, "More than a tenth of the answers refused"),
        (TOLD_TO_WAIT, State.PAUSED, "Paused · more than a tenth of the answers told us to wait"),
    ],
)
def test_the_headline_says_what_was_measured(minutes: list[Minute], state: State, finding: str) -> None:
    with translation.override("en"), timezone.override(dt.UTC):
        assert charts.outcomes(minutes, state, now=NINE).finding == finding


def test_the_headline_in_japanese() -> None:
    with translation.override("ja"), timezone.override(dt.UTC):
        assert (
            charts.outcomes(EVEN, State.PAUSED, now=NINE).finding
            == "一時停止中 · 最も多かったのは09:01の1分間（応答1,200件）"
        )


@pytest.mark.parametrize(
    ("state", "ago", "marked"), [(State.SENDING, 1, True), (State.SENDING, 9, False), (State.PAUSED, 1, False)]
)
def test_now_is_marked_only_at_the_column_of_now(state: State, ago: int, marked: bool) -> None:
    chart = charts.outcomes(EVEN, state, now=NINE + dt.timedelta(minutes=1 + ago))
    assert bool(chart.data["marks"]) == marked
