"""Figures and sentences of the report."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.deeds import Deed
from analytics.pace import Minute
from analytics.queue_page import MIXED, OTHER, Queue, Row
from analytics.reports import EXPIRED, CauseRow, Report, provider_name
from analytics.words import pause_advice, pause_words, rate_words, took_words
from delivery.models import Mailing
from delivery.queue.counts import Counts

register = template.Library()

STATS: dict[str, Promise] = {
    "delivered": gettext_lazy("Delivered"),
    "bounced": gettext_lazy("Bounced later"),
    "retrying": gettext_lazy("Retrying"),
    "failed": gettext_lazy("Failed"),
    "unknown": gettext_lazy("Unknown"),
    "held": gettext_lazy("Held"),
    "on_the_way": gettext_lazy("On the way"),
    "waiting": gettext_lazy("Waiting"),
    "not_sent": gettext_lazy("Not sent after all"),
}
SWATCHES = {"delivered": "done", "retrying": "wait", "failed": "stop", "unknown": "ghost"}


@register.inclusion_tag("analytics/_stat.html")
def stat(report: Report, outcome: str, tone: str) -> dict[str, Any]:
    """One figure with its share and what it is a share of; nothing for an empty group, but for the delivered."""
    counts = report.counts
    people = getattr(counts, outcome)
    whole, of = _whole(counts, outcome)
    link = f"{reverse('delivery:people', args=[report.mailing.pk])}?outcome={outcome}"
    return {
        "shown": people or outcome == "delivered",
        "name": STATS[outcome],
        "tone": tone,
        "people": people,
        "whole": whole,
        "of": of,
        "url": link if outcome != "on_the_way" else "",
    }


def _whole(counts: Counts, outcome: str) -> tuple[int, str]:
    if outcome in ("delivered", "failed", "unknown"):
        return counts.tried, _("of %(n)s tried to the end") % {"n": f"{counts.tried:,}"}
    if outcome == "bounced":
        return counts.delivered, _("of %(n)s delivered") % {"n": f"{counts.delivered:,}"}
    if outcome == "retrying":
        tried = counts.tried + counts.retrying
        return tried, _("of %(n)s tried so far") % {"n": f"{tried:,}"}
    return counts.will_receive, _("of %(n)s") % {"n": f"{counts.will_receive:,}"}


@register.simple_tag
def done_words(report: Report) -> str:
    """How far it is; after a stop how far it had come."""
    counts = report.counts
    if report.mailing.state == Mailing.State.EXPANDING:
        return _("preparing the list of people")
    figures = {"done": f"{report.done:,}", "all": f"{counts.will_receive:,}"}
    if report.mailing.state == Mailing.State.STOPPED:
        words = ngettext(
            "stopped after %(done)s of %(all)s person", "stopped after %(done)s of %(all)s people", counts.will_receive
        )
        return words % figures
    words = ngettext("%(done)s of %(all)s person finished", "%(done)s of %(all)s people finished", counts.will_receive)
    return words % figures


@register.simple_tag
def pace_words(report: Report) -> str:
    """Rate and when it is done, as a range; what it took once it is over."""
    if report.over:
        return took_words(report.mailing)
    if report.mailing.state != Mailing.State.SENDING or report.counts.only_retries_left:
        return ""
    return rate_words(report.pace, report.counts, report.warm_up, average=True)


register.simple_tag(pause_words)
register.simple_tag(pause_advice)


@register.simple_tag
def closed_words(report: Report) -> str:
    """Which providers take no mail now: by name if it is one."""
    closed = report.closed_providers
    if len(closed) > 1:
        return _("%(n)s providers take no mail at the moment") % {"n": len(closed)}
    return _("%(name)s takes no mail at the moment") % {"name": provider_name(closed[0].key)}


@register.simple_tag
def slower_words(report: Report) -> str:
    """Who asked us to slow down: by name if it is one."""
    if len(report.slower) > 1:
        return _("%(n)s providers asked us to slow down") % {"n": len(report.slower)}
    one = report.slower[0]
    return _("%(name)s asked us to slow down") % {"name": provider_name(one.key) if one.key else one.route}


@register.simple_tag
def per_minute(rate: float) -> str:
    """`40 per minute`; slower ones with a decimal."""
    return _("%(n)s per minute") % {"n": f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"}


@register.simple_tag
def queue_name(row: Row) -> str:
    """A line of the queue."""
    if row.route is not None:
        return str(row.route)
    if row.key == MIXED:
        return _("Small and new domains")
    return _("Other domains") if row.key == OTHER else provider_name(row.key)


@register.simple_tag
def queue_words(queue: Queue) -> str:
    """For the status line."""
    figures = {"waiting": f"{queue.total.waiting:,}", "now": f"{queue.per_minute:,.0f}"}
    return _("%(waiting)s waiting, %(now)s per minute") % figures


@register.simple_tag
def whole(value: float) -> str:
    """A rate without decimals; what is less than one is told as such."""
    return "<1" if 0 < value < 1 else f"{value:,.0f}"


@register.simple_tag
def seconds_words(seconds: float) -> str:
    if seconds < 120:
        return ngettext("%(n)s second", "%(n)s seconds", int(seconds)) % {"n": int(seconds)}
    minutes = int(seconds // 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


@register.simple_tag
def people(number: int) -> str:
    return ngettext("%(n)s person", "%(n)s people", number) % {"n": f"{number:,}"}


@register.simple_tag
def retry_words(row: CauseRow, report: Report) -> str:
    hours = report.give_up_hours
    if row.outcome == "retrying":
        words = ngettext(
            "Yes, by ourselves, for as long as the campaign allows (%(n)s hour). You need not do anything.",
            "Yes, by ourselves, for as long as the campaign allows (%(n)s hours). You need not do anything.",
            hours,
        )
        return words % {"n": hours}
    if row.outcome == "unknown":
        return _("No: they may have it already. Nobody gets it twice by itself.")
    if row.outcome == "held":
        return _("Not before you decide.")
    if row.cause == EXPIRED:
        return ngettext(
            "No. The campaign gave up after %(n)s hour.", "No. The campaign gave up after %(n)s hours.", hours
        ) % {"n": hours}
    if row.action == "suppress_now" and not report.mailing.rehearsed:
        return _("No. Addresses that do not exist are stopped, so that they do not harm your reputation.")
    return _("No. Nothing more is sent to them in this campaign.")


@register.simple_tag
def swatch(series: str) -> str:
    return SWATCHES[series]


@register.simple_tag
def figure(row: Minute, key: str) -> str:
    return f"{getattr(row, key):,}"


@register.simple_tag
def milestone(report: Report) -> int:
    """0, 25, 50, 75 or 100: the status line speaks when it changes."""
    everybody = report.counts.will_receive
    return report.done * 4 // everybody * 25 if everybody else 0


@register.inclusion_tag("analytics/_deed.html")
def deed(report: Report, name: str, words: str | SafeString) -> dict[str, Any]:
    """One bar of what people did."""
    number = report.deeds[Deed(name)]
    notes = {
        "clicked": _machine_words(report.deeds[Deed.MACHINE_CLICKS]),
        "opened": _("cannot see people who block images"),
        "machine_opened": _("Apple and scanners, not counted above"),
        "complained": _("only where providers report"),
    }
    tone = {"machine_opened": "ghost", "complained": "stop"}.get(name, "ai")
    return {
        "words": words,
        "number": number,
        "whole": report.counts.delivered,
        "tone": tone,
        "fine": name in ("complained", "unsubscribed"),
        "note": notes.get(name, ""),
    }


def _machine_words(clicks: int) -> str:
    words = ngettext("%(n)s click by a machine not counted", "%(n)s clicks by machines not counted", clicks)
    return words % {"n": f"{clicks:,}"} if clicks else ""
