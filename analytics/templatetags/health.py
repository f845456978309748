"""Figures and sentences of delivery health."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from analytics import health_words
from analytics.advice import Advice
from analytics.groups import TARGETS, WORDS, Group
from analytics.health import CauseOf, Choice, Column, Health
from analytics.health_words import Judgement
from delivery import knowledge
from delivery.knowledge import Explanation
from delivery.message_page import explanation_of

register = template.Library()
STILL = timedelta(hours=1)  # whose last one is not older goes on
WIDTH, GAP, HEIGHT = 120, 1, 18  # of a spark, in pixels


@register.simple_tag
def judged(part: int, whole: int, name: str) -> Judgement | None:
    return health_words.judged(part, whole, name)


@register.simple_tag
def cause_title(cause: str) -> str:
    return health_words.title_of(cause)


@register.simple_tag
def cause_deed(cause: str) -> str:
    return health_words.deed_of(cause)


@register.simple_tag
def cause_tone(cause: CauseOf) -> str:
    return health_words.tone_of(cause)


@register.simple_tag
def group_word(group: Group) -> str:
    return str(WORDS[group])


@register.simple_tag
def group_target(group: Group) -> str:
    """The share that no sender should be above."""
    return f"{TARGETS[group]:g}%"


@register.simple_tag
def place_word(provider: str) -> str:
    return health_words.place(provider)


@register.simple_tag
def heat_finding(health: Health) -> str:
    return health_words.heat_finding(health)


@register.simple_tag
def period_word(days: int) -> str:
    if days == 1:
        return _("Last 24 hours")
    return ngettext("Last %(n)s day", "Last %(n)s days", days) % {"n": days}


@register.simple_tag
def bar_word(choice: Choice) -> str:
    """What a bar of the trends is."""
    return {1: _("Per hour"), 90: _("Per 5 days")}.get(choice.days, _("Per day"))


register.simple_tag(health_words.span_words)


@register.simple_tag
def spark(cause: CauseOf) -> SafeString:
    """The trend as small bars; what stands out has the colour of failure."""
    most = max(cause.trend, default=0)
    if not most:
        return SafeString("")
    bar = min(WIDTH // len(cause.trend) - GAP, 8)
    flags = health_words.abnormal(cause.trend)
    bars = [
        ("odd" if flag else "usual", n * (bar + GAP), HEIGHT - tall, bar, tall)
        for n, (people, flag) in enumerate(zip(cause.trend, flags, strict=True))
        for tall in [max(round(people * HEIGHT / most), 1)]
    ]
    inner = format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"></rect>', bars)
    width = len(cause.trend) * (bar + GAP)
    return format_html(
        '<svg class="spark" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        width,
        HEIGHT,
        _("Most in one bar: %(n)s") % {"n": f"{most:,}"},
        inner,
    )


@register.inclusion_tag("analytics/_heat_cell.html", takes_context=True)
def heat_cell(context: template.Context, column: Column, group: Group) -> dict[str, Any]:
    people = column.lost.get(group, 0)
    asked = context["asked"]
    return {
        "people": people,
        "column": column,
        "group": group,
        "percent": f"{people * 100 / column.tried:.2f}" if people else "0",
        "step": health_words.step(people, column.tried),
        "above": health_words.above(column, group),
        "current": asked.get("group") == group and asked.get("provider") == column.provider,
        "request": context["request"],
    }


@register.simple_tag
def zone_name() -> str:
    return timezone.get_current_timezone_name()


@register.simple_tag
def heat_sum(column: Column) -> str:
    """Of a provider the share of all causes together."""
    return f"{column.all_lost * 100 / column.tried:.2f}" if column.rated else "–"


@register.simple_tag
def cause_words(cause: str) -> Explanation:
    return explanation_of(cause) or knowledge.explain("unknown", (get_language() or "en")[:2])


@register.simple_tag
def advice_head(one: Advice) -> str:
    """`The DKIM signature did not pass: 201 people at Gmail`."""
    people = ngettext("%(n)s person", "%(n)s people", one.people) % {"n": f"{one.people:,}"}
    places = [place for place, _n in one.by_provider]
    words = {"what": health_words.title_of(one.cause), "people": people, "where": health_words.place(places[0])}
    return _("%(what)s: %(people)s at %(where)s") % words if len(places) == 1 else _("%(what)s: %(people)s") % words


@register.simple_tag
def advice_span(one: Advice) -> str:
    """How its time is told: "since", from to within a "day", over "days", or "" where it is not known."""
    if one.first_at is None or one.last_at is None:
        return ""
    if timezone.now() - one.last_at < STILL:
        return "since"
    return "day" if timezone.localdate(one.first_at) == timezone.localdate(one.last_at) else "days"


@register.simple_tag
def no_retry(cause: str) -> str:
    return health_words.no_retry(cause)


@register.simple_tag
def for_it(one: Advice) -> str:
    """What whoever looks after mail and DNS needs to know, as text."""
    words = cause_words(one.cause)
    times = [f"{timezone.localtime(at):%Y-%m-%d %H:%M %z}" for at in (one.first_at, one.last_at) if at]
    lines = [advice_head(one), " – ".join(times), words.why, *words.advice]
    return "\n".join([line for line in lines if line] + [f"{said.line} ×{said.people}" for said in one.said[:10]])
