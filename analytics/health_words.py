"""The sentences of delivery health: what the figures say, and whether that is as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from analytics.groups import GRAVE, TARGETS, WORDS, YOURS, Group
from analytics.health import CauseOf, Column, Health
from analytics.reports import EXPIRED, RATED, provider_name
from delivery import knowledge
from delivery.knowledge import Action, Category
from delivery.message_page import explanation_of
from delivery.stops import rule_of

# Shares from which a figure wants a look, and from which it harms the sender (for complaints: Gmail's own rules).
LIMITS = {"lost": (0.01, 0.02), "complaints": (0.001, 0.003), "arrived": (0.03, 0.06)}
STEPS = (0.15, 0.5, 1.0, 2.0)  # percent at which a cell of the heat table grows darker
ABNORMAL, LEAST = 3, 5  # a bar that is so many times the usual one, of so many people at least


@dataclass(frozen=True)
class Judgement:
    tone: str
    icon: str
    words: Promise


GOOD = Judgement("done", "circle-check", pgettext_lazy("judgement", "Good"))
LOOK = Judgement("wait", "alert-triangle", pgettext_lazy("judgement", "Look"))
BAD = Judgement("stop", "alert-octagon", pgettext_lazy("judgement", "Too many"))
FEW = Judgement("stop", "alert-octagon", pgettext_lazy("judgement", "Too few"))


def judged(part: int, whole: int, name: str) -> Judgement | None:
    """What a share of LIMITS is worth; None of too few people. Of the arrived it is that of the others."""
    if whole < RATED:
        return None
    look, bad = LIMITS[name]
    share = (whole - part if name == "arrived" else part) / whole
    if share < look:
        return GOOD
    if share < bad:
        return LOOK
    return FEW if name == "arrived" else BAD


def title_of(cause: str) -> str:
    """The cause in one line."""
    words = explanation_of(cause) or explanation_of("unknown")
    return words.title if words else cause


def deed_of(cause: str) -> str:
    """What Shirase does about it by itself."""
    known = knowledge.CAUSES.get(cause)
    if cause == EXPIRED:
        return _("Tried until the campaign gave up")
    if known is None:
        return _("Not sent again by itself")
    if known.action is Action.SUPPRESS_NOW:
        return _("Stopped at once")
    rule = rule_of(known.category)
    if known.action is Action.SUPPRESS_AFTER_N and rule:
        return _("Stopped after %(times)s in %(days)s days") % {"times": rule.times, "days": rule.days}
    if known.category is Category.INVALID_DOMAIN:
        return _("The domain rests for a week")
    return _("Not sent again by itself")


def no_retry(cause: str) -> str:
    """Whether those who failed are tried again, and why not."""
    if cause == EXPIRED:
        return _("No. They were tried for as long as the campaign allows.")
    known = knowledge.CAUSES.get(cause)
    if known is None:
        return _("No. Nothing more is sent to them in this campaign.")
    if known.action is Action.SUPPRESS_NOW:
        return _("No. Addresses that do not exist are stopped, so that they do not harm your reputation.")
    if known.category is Category.INVALID_DOMAIN:
        return _("No. The domain is looked at again in a week.")
    if known.retry or known.category is Category.UNKNOWN:
        return _("No. What was in the way may have passed by now: a resend may arrive.")
    return _("No. Nothing reached these people, and a retry would be refused again.")


def tone_of(cause: CauseOf) -> str:
    """ "stop" where nothing arrives until somebody acts, "wait" where somebody should look, else ""."""
    if cause.group in GRAVE:
        return "stop"
    return "wait" if cause.group in YOURS else ""


def abnormal(trend: Sequence[int]) -> list[bool]:
    """Which bars stand out from the others."""
    usual = median(trend) if trend else 0
    return [people >= LEAST and people > ABNORMAL * max(usual, 1) for people in trend]


def step(part: int, whole: int) -> int:
    """How dark a cell is: 0 for nobody, 1 to 5."""
    percent = part * 100 / whole if whole else 0
    return 1 + sum(percent >= bound for bound in STEPS) if part else 0


def above(column: Column, group: Group) -> bool:
    """Whether it did not reach more people there than it should."""
    return column.rated and column.lost.get(group, 0) * 100 > TARGETS[group] * column.tried


def place(provider: str) -> str:
    return provider_name(provider) or _("Other domains")


def span_words(seconds: float | None) -> str:
    """A wait: `0.8 s`, `14 min`, `3.5 h`."""
    if seconds is None:
        return "–"
    if seconds < 99.5:
        return _("%(n)s s") % {"n": f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:.0f}"}
    if seconds < 99.5 * 60:
        return _("%(n)s min") % {"n": f"{seconds / 60:.0f}"}
    return _("%(n)s h") % {"n": f"{seconds / 3600:.1f}" if seconds < 36000 else f"{seconds / 3600:.0f}"}


def heat_finding(health: Health) -> str:
    """How many cells are above their targets, and which of them is furthest."""
    cells = [(column, group) for column in health.columns for group in health.groups if above(column, group)]
    if not cells:
        return _("No provider is above its targets")

    def times(cell: tuple[Column, Group]) -> float:
        column, group = cell
        return column.lost[group] / column.tried / TARGETS[group]

    column, group = max(cells, key=times)
    words = ngettext(
        "%(n)s cell is above its target: %(where)s, %(what)s",
        "%(n)s cells are above their targets, most of all %(where)s: %(what)s",
        len(cells),
    )
    return words % {"n": len(cells), "where": place(column.provider), "what": WORDS[group]}
