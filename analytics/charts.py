"""Charts as data: what ECharts draws, and the table beside it, from the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.pace import Minute, columns
from delivery.models import Mailing

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


def outcomes(minutes: Sequence[Minute], state: str, *, now: datetime) -> Chart:
    """Answers over time, stacked. `state` is the mailing's; `now` is marked where the last column is that of now."""
    step, rows = columns(minutes)
    shown = [(key, words(key)) for key in SERIES if any(getattr(row, key) for row in rows)]
    labels = [_label(row, step) for row in rows]
    series = [{"key": key, "name": name, "values": [getattr(row, key) for row in rows]} for key, name in shown]
    current = state == Mailing.State.SENDING and bool(rows) and now < rows[-1].at + timedelta(minutes=step + 1)
    marks = [{"at": labels[-1], "label": _("now"), "dashed": True}] if current else []
    measure = ngettext("People tried per minute", "People tried per %(n)s minutes", step) % {"n": step}
    return Chart(
        finding=_finding(minutes, state),
        measure=_("%(measure)s, %(zone)s time") % {"measure": measure, "zone": timezone.get_current_timezone_name()},
        data={"labels": labels, "series": series, "marks": marks},
        rows=rows,
        series=shown,
    )


def _label(row: Minute, step: int) -> str:
    local = timezone.localtime(row.at)
    return local.strftime("%m-%d") if step >= 1440 else local.strftime("%H:%M")


def _finding(minutes: Sequence[Minute], state: str) -> str:
    """What the minutes say, and nothing else; a send that rests says so first."""
    busiest = max(minutes, key=lambda minute: minute.tried, default=None)
    if busiest is None or not busiest.tried:
        return _("No answer has come yet")
    at = timezone.localtime(busiest.at).strftime("%H:%M")
    most = ngettext("busiest minute %(at)s: %(n)s answer", "busiest minute %(at)s: %(n)s answers", busiest.tried)
    words = _judgement(minutes) or most % {"at": at, "n": f"{busiest.tried:,}"}
    resting = {Mailing.State.PAUSED: _("Paused"), Mailing.State.STOPPED: _("Stopped")}.get(Mailing.State(state))
    return f"{resting} · {words}" if resting else words[0].upper() + words[1:]


def _judgement(minutes: Sequence[Minute]) -> str:
    """What wants a look first, if anything does."""
    answers = sum(minute.tried for minute in minutes)
    if sum(minute.failed for minute in minutes) * 10 > answers:
        return _("more than a tenth of the answers refused")
    if sum(minute.retrying for minute in minutes) * 10 > answers:
        return _("more than a tenth of the answers told us to wait")
    return ""
