"""How long a warm-up plan keeps a campaign, in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from delivery import providers
from delivery.warmups import Forecast


def words(found: Forecast) -> str:
    """`about 3 days: the warm-up plan lets 400 through in 24 hours now`."""
    if not found.latest:
        return cap_words(found)
    figures = {"days": f"{found.latest:,}", "cap": cap_words(found)}
    if found.soonest < found.latest:
        return (
            ngettext(
                "up to %(days)s day, as other campaigns share the route: %(cap)s",
                "up to %(days)s days, as other campaigns share the route: %(cap)s",
                found.latest,
            )
            % figures
        )
    return ngettext("about %(days)s day: %(cap)s", "about %(days)s days: %(cap)s", found.latest) % figures


def sentences(found: Iterable[Forecast]) -> list[str]:
    """One a plan, for somebody who has not sent yet."""
    return [_("%(sentence)s.") % {"sentence": one[:1].upper() + one[1:]} for one in map(words, found)]


def cap_words(found: Forecast) -> str:
    figures = {"cap": f"{found.today.cap:,}"}
    if found.plan.site is None:
        return _("the warm-up plan lets %(cap)s through in 24 hours now") % figures
    key = found.plan.site.key
    figures["provider"] = str(providers.label(key, (get_language() or "en")[:2])) if key in providers.named() else key
    return _("the warm-up plan lets %(cap)s through to %(provider)s in 24 hours now") % figures
