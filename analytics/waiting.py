"""How long people waited for their mail, by provider: in sum and over time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from analytics import waits
from analytics.changes import Change
from analytics.health import Choice, parameters, steps_of
from analytics.health_words import place, span_words
from analytics.reports import RATED
from delivery.providers import OTHER

LINES = 5  # providers with a line of their own; everybody else is one more
HOURS = {1: 1, 7: 6, 30: 24, 90: 120}  # of one point, by the days of the period
SLOW = 600.0  # seconds: a finding from there on
MARKS = 4  # of what changed, on the chart


@dataclass(frozen=True)
class Wait:
    """One provider. Seconds from the first try to acceptance, within which half, 95 and 99 of 100 had it."""

    provider: str
    people: int
    p50: float | None
    p95: float | None
    p99: float | None
    late: int

    @property
    def rated(self) -> bool:
        return self.people >= RATED


@dataclass(frozen=True)
class Waiting:
    rows: list[Wait]
    finding: str
    data: dict[str, Any]  # of the chart


_OVER_TIME = """
    SELECT provider, floor(extract(epoch FROM hour - %(since)s) / 3600 / %(width)s)::int, step, sum(n)::bigint
    FROM analytics_healthwait
    WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND hour >= %(since)s AND hour <= %(until)s
        AND (%(domain)s::bigint IS NULL OR sending_domain_id = %(domain)s)
    GROUP BY 1, 2, 3 HAVING sum(n) > 0
"""


def waiting(choice: Choice, changes: list[Change]) -> Waiting | None:
    """None where nothing is known: no mail, or one campaign alone."""
    steps = steps_of(choice)
    rows = sorted(
        (_row(key, found) for key, found in steps.items()), key=lambda row: (row.provider == OTHER, -row.people)
    )
    if not rows:
        return None
    slowest = max((row for row in rows if row.rated), key=lambda row: row.p95 or 0, default=None)
    return Waiting(rows, _finding(slowest, rows), _chart(choice, rows, slowest, changes))


def _row(provider: str, steps: dict[int, int]) -> Wait:
    p50, p95, p99 = (waits.percentile(steps, share) for share in (0.5, 0.95, 0.99))
    return Wait(provider, sum(steps.values()), p50, p95, p99, waits.late(steps))


def _finding(slowest: Wait | None, rows: list[Wait]) -> str:
    if slowest is None or slowest.p95 is None:
        return _("How long people waited")
    others = [row.p95 for row in rows if row.rated and row is not slowest and row.p95 is not None]
    words = {"where": place(slowest.provider), "wait": span_words(slowest.p95)}
    if slowest.p95 < SLOW or not others:
        return _("95%% have it within %(wait)s at every provider") % words
    words["others"] = span_words(max(others))
    return _("%(where)s answers late: 95%% within %(wait)s, everywhere else within %(others)s") % words


def _chart(choice: Choice, rows: list[Wait], slowest: Wait | None, changes: list[Change]) -> dict[str, Any]:
    """The 95th percentile of the largest providers over time."""
    shown = [row.provider for row in rows if row.provider != OTHER][:LINES]
    if slowest and slowest.provider not in (*shown, OTHER):
        shown[-1:] = [slowest.provider]
    points = _points(choice, shown)
    width = timedelta(hours=HOURS[choice.days])
    count = int((choice.until - choice.since) / width) + 1
    starts = [choice.since + width * n for n in range(count)]
    labels = [_label(at, choice.days) for at in starts]
    series = []
    for key in (*shown, OTHER):
        values = [waits.percentile(points[key][n], 0.95) if n in points[key] else None for n in range(count)]
        if any(values):
            series.append(_line(key, values, main=slowest is not None and key == slowest.provider))
    marks: dict[str, list[str]] = defaultdict(list)
    for one in changes:
        at = labels[int((one.at - choice.since) / width)]
        marks[at] += [] if one.short in marks[at] else [one.short]
    return {
        "labels": labels,
        "series": series,
        "marks": [{"at": at, "label": " · ".join(words)} for at, words in [*marks.items()][:MARKS]],
        "log": True,
        "joined": True,
        "seconds": [_("s"), _("min"), _("h")],
    }


def _line(provider: str, values: list[float | None], *, main: bool) -> dict[str, Any]:
    last = next((value for value in reversed(values) if value is not None), None)
    label = f"{place(provider)} {span_words(last)}" if main else place(provider)
    return {"name": place(provider), "label": label, "values": [_figure(value) for value in values], "main": main}


def _figure(value: float | None) -> float | None:
    return None if value is None else round(max(value, 0.1), 2)


def _points(choice: Choice, shown: list[str]) -> dict[str, dict[int, dict[int, int]]]:
    """By line, then by place on the time axis: people by step."""
    found: dict[str, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    with connection.cursor() as cursor:
        cursor.execute(_OVER_TIME, {**parameters(choice), "width": HOURS[choice.days]})
        for provider, at, step, people in cursor.fetchall():
            found[provider if provider in shown else OTHER][at][step] += people
    return found


def _label(at: datetime, days: int) -> str:
    """Unique along the axis."""
    local = timezone.localtime(at)
    if days == 1:
        return local.strftime("%H:%M")
    day = f"{local.month}/{local.day}" if get_language() == "ja" else f"{local:%d %b}".lstrip("0")
    return f"{day} {local:%H:%M}" if days == 7 else day
