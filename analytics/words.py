"""How fast a mailing goes, why it rests and how long it took, in words."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.pace import Pace
from delivery import restored, spike_words, warmup_words
from delivery.message_page import explanation_of
from delivery.models import Mailing
from delivery.queue.counts import Counts
from delivery.warmups import Forecast


def rate_words(pace: Pace, counts: Counts, warm_up: Forecast | None = None, *, average: bool = False) -> str:
    """`1,240 per minute · done about 10:21–10:28`; a warm-up plan that lets only some through each day says more."""
    figures = {"now": f"{pace.now:,.0f}", "average": f"{pace.average:,.0f}"}
    rate = (_("%(now)s per minute (average %(average)s)") if average else _("%(now)s per minute")) % figures
    if warm_up is not None:
        return f"{rate} · {warmup_words.words(warm_up)}"
    if pace.earliest is None or pace.latest is None:
        return rate + " · " + _("calculating when it is done…") if counts.waiting else rate
    return f"{rate} · " + _("done about %(first)s–%(last)s") % {"first": _at(pace.earliest), "last": _at(pace.latest)}


def _at(moment: datetime) -> str:
    """The hour, and the day if it is not today."""
    local = timezone.localtime(moment)
    day = "" if local.date() == timezone.localdate() else f"{date_format(local, 'MONTH_DAY_FORMAT')} "
    return f"{day}{local:%H:%M}"


def took_words(mailing: Mailing) -> str:
    if not mailing.started_at or not mailing.finished_at:
        return ""
    seconds = int((mailing.finished_at - mailing.started_at).total_seconds())
    if seconds < 120:
        return ngettext("took %(n)s second", "took %(n)s seconds", seconds) % {"n": seconds}
    if seconds < 7200:
        return ngettext("took %(n)s minute", "took %(n)s minutes", seconds // 60) % {"n": seconds // 60}
    return ngettext("took %(n)s hour", "took %(n)s hours", seconds // 3600) % {"n": seconds // 3600}


def pause_words(mailing: Mailing) -> str:
    """Who or what paused it; of the brakes also what they counted; what it means where a person must know it."""
    why = explanation_of(mailing.pause_reason)
    if why is None:
        return _("A member of your team paused it.")
    counted = spike_words.counted(mailing.pause_reason, mailing.pause_figures)
    meaning = why.why if counted or mailing.pause_reason == restored.CAUSE else ""
    return " ".join(part for part in (f"{why.title}.", counted, meaning) if part)


def pause_advice(mailing: Mailing) -> tuple[str, ...]:
    """What to do before it is resumed; empty for a pause by a person."""
    why = explanation_of(mailing.pause_reason)
    return why.advice if why else ()
