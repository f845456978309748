"""Parts of pages that belong to people and workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from accounts import jobs
from accounts.models import Job
from accounts.progress import Estimate
from accounts.roles import Can

register = template.Library()


@dataclass(frozen=True)
class Tab:
    """A page of the settings, shown to those who may open it."""

    name: str
    label: str | Promise
    can: Can


TABS = (
    Tab("accounts:settings", pgettext_lazy("settings", "Workspace"), Can.VIEW),
    Tab("delivery:domains", gettext_lazy("Domains & senders"), Can.VIEW),
    Tab("delivery:routes", gettext_lazy("Routes & limits"), Can.VIEW),
    Tab("delivery:inlets", gettext_lazy("Incoming reports"), Can.MANAGE_INSTALL),
    Tab("analytics:queue", gettext_lazy("Queue"), Can.VIEW),
    Tab("delivery:brakes", gettext_lazy("Brakes"), Can.VIEW),
    Tab("accounts:team", gettext_lazy("Team & roles"), Can.VIEW),
    Tab("accounts:api_keys", gettext_lazy("API keys"), Can.MANAGE_WORKSPACE),
    Tab("accounts:audit", gettext_lazy("Audit log"), Can.SEE_AUDIT),
)


@register.inclusion_tag("accounts/_settings_tabs.html", takes_context=True)
def settings_tabs(context: Context) -> Mapping[str, Any]:
    """The row of pages under Settings, for every app that has one there: `{% settings_tabs %}` in block tabs."""
    request = context["request"]
    links = [(tab, _address(tab.name)) for tab in TABS if request.can(tab.can)]
    # The page itself, or the list of which it shows one: /settings/domains/7. The first tab's address begins all.
    inside = [url for _tab, url in links if url and f"{request.path}/".startswith(f"{url}/")]
    return {
        "tabs": [{"label": tab.label, "url": url, "current": url == inside[-1]} for tab, url in links if url],
        "here": request.path,
    }


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@register.inclusion_tag("accounts/_job_body.html", takes_context=True)
def job_body(context: Context, job: Job) -> Mapping[str, Any]:
    """Title, bar, time left and buttons of a background job."""
    kind = jobs.kind_of(job)
    return {
        "job": job,
        "title": kind.title(job),
        "url": kind.url(job) if job.state in (Job.State.DONE, Job.State.FAILED) else "",
        "may_cancel": not job.over and context["request"].can(kind.cancel),
        "left": time_left(job.estimate(timezone.now())),
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }


def time_left(estimate: Estimate | None) -> str:
    """ "about 50–70 s left", in the coarsest unit that still says something."""
    if estimate is None:
        return ""
    low, high = max(1, round(estimate.low)), max(1, round(estimate.high))
    if high < 90:
        return _range(low, high, ngettext("about %(range)s second left", "about %(range)s seconds left", high))
    low, high = max(1, low // 60), -(-high // 60)
    if high < 90:
        return _range(low, high, ngettext("about %(range)s minute left", "about %(range)s minutes left", high))
    low, high = max(1, low // 60), -(-high // 60)
    return _range(low, high, ngettext("about %(range)s hour left", "about %(range)s hours left", high))


def _range(low: int, high: int, words: str) -> str:
    return words % {"range": str(high) if low >= high else _("%(low)d–%(high)d") % {"low": low, "high": high}}
