"""Charts as data: what ECharts draws, and the table beside it, from the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.pace import Minute, columns

SERIES = ("delivered", "retrying", "failed", "unknown")


@dataclass(frozen=True)
class Chart:
    """`finding` is the title, `measure` the line below it; `rows` are the table's."""

    finding: str
    measure: str
    data: dict[str, Any]
    rows: list[Minute]
    series: list[tuple[str, str]]  # (key, words) of those that have figures


def words(series: str) -> str:
    return {
        "delivered": _("Delivered"),
        "retrying": _("Retrying"),
        "failed": _("Failed"),
        "unknown": _("Unknown"),
    }[series]


def outcomes(minutes: Sequence[Minute], *, over: bool) -> Chart:
    """Answers over time, stacked."""
    step, rows = columns(minutes)
    shown = [(key, words(key)) for key in SERIES if any(getattr(row, key) for row in rows)]
    labels = [_label(row, step) for row in rows]
    series = [{"key": key, "name": name, "values": [getattr(row, key) for row in rows]} for key, name in shown]
    marks = [] if over or not labels else [{"at": labels[-1], "label": _("now"), "dashed": True}]
    measure = ngettext("People tried per minute", "People tried per %(n)s minutes", step) % {"n": step}
    return Chart(
        finding=_finding(rows, over=over),
        measure=_("%(measure)s, %(zone)s time") % {"measure": measure, "zone": timezone.get_current_timezone_name()},
        data={"labels": labels, "series": series, "marks": marks},
        rows=rows,
        series=shown,
    )


def _label(row: Minute, step: int) -> str:
    local = timezone.localtime(row.at)
    return local.strftime("%m-%d") if step >= 1440 else local.strftime("%H:%M")


def _finding(rows: Sequence[Minute], *, over: bool) -> str:
    tried = sum(row.tried for row in rows)
    if not tried:
        return _("No answer has come yet")
    failed, retrying = sum(row.failed for row in rows), sum(row.retrying for row in rows)
    if failed * 10 > tried:
        return _("More than a tenth was refused")
    if retrying * 10 > tried:
        return _("More than a tenth was told to wait")
    if over:
        return _("It went out evenly") if not failed else _("Most were accepted at once")
    return _("It is going out")
