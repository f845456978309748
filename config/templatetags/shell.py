"""What stands around every page: navigation, the running send, the state of sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import template
from django.db.models import Q
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.models import Alert
from campaigns.models import Campaign
from config import formats
from delivery.models import Mailing, SendingDomain
from delivery.queue.counts import counts

register = template.Library()

HEALTH = "analytics:health"
SOON = timedelta(minutes=2)
RUNNING = (Mailing.State.EXPANDING, Mailing.State.SENDING)


@dataclass(frozen=True)
class Entry:
    """A line of the sidebar. It is current on every page below its address, and on those of `prefixes`."""

    name: str
    label: str | Promise
    icon: str
    prefixes: tuple[str, ...] = ()


ENTRIES = (
    Entry("analytics:overview", pgettext_lazy("page", "Overview"), "home"),
    Entry("campaigns:list", _("Campaigns"), "mail", ("/messages/", "/mailings/")),
    Entry("contacts:list", _("Contacts"), "users", ("/lists/", "/suppressions/", "/imports/", "/fields/")),
    Entry(HEALTH, _("Delivery health"), "activity"),
    Entry("delivery:sandbox", _("Sandbox mailbox"), "inbox"),
    Entry("accounts:settings", _("Settings"), "settings"),
)


def address(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def is_current(entry: Entry, url: str, path: str) -> bool:
    if url == "/":
        return path == "/"
    return any(path.startswith(prefix) for prefix in (url, *entry.prefixes))


@register.inclusion_tag("parts/nav.html", takes_context=True)
def navigation(context: Context) -> Mapping[str, Any]:
    """The entries that exist; where a person may go is the page's own decision."""
    path = context["request"].path
    links = [(entry, address(entry.name)) for entry in ENTRIES]
    workspace = getattr(context["request"], "workspace", None)
    alerts = {HEALTH: Alert.objects.open_in(workspace).count() if workspace else 0}
    rows = [
        {"entry": entry, "url": url, "current": is_current(entry, url, path), "alerts": alerts.get(entry.name)}
        for entry, url in links
        if url
    ]
    return {"main": rows[:-1], "last": rows[-1:]}


@register.simple_tag(takes_context=True)
def running_send(context: Context) -> Mapping[str, Any] | None:
    """The campaign that is about to go out or goes out now, how far it is, and where to watch it."""
    workspace = getattr(context["request"], "workspace", None)
    if workspace is None:
        return None
    soon = Q(mailing__state=Mailing.State.WAITING, mailing__start_at__lt=timezone.now() + SOON)
    going = Campaign.objects.filter(soon | Q(mailing__state__in=RUNNING), workspace=workspace)
    campaign = going.select_related("mailing").order_by("-pk").first()
    if campaign is None or campaign.mailing is None:
        return None
    if campaign.mailing.state == Mailing.State.WAITING:
        url = address("campaigns:send", campaign.pk)
        return {"campaign": campaign, "url": url, "starts_at": campaign.mailing.start_at}
    people = counts(campaign.mailing)
    share = formats.whole_percent(people.finished, people.will_receive)
    return {"campaign": campaign, "url": address("campaigns:report", campaign.pk), "share": share}


@register.simple_tag(takes_context=True)
def sending_state(context: Context) -> Mapping[str, Any] | None:
    """Whether mail of this workspace can leave the server, and how many mailings are going out."""
    workspace = getattr(context["request"], "workspace", None)
    if workspace is None:
        return None
    return {
        "live": SendingDomain.objects.filter(
            workspace=workspace, sandbox=False, live_at__isnull=False, verified_at__isnull=False
        ).exists(),
        "running": Mailing.objects.filter(workspace=workspace, state__in=RUNNING).count(),
    }


@register.simple_tag(takes_context=True)
def greeting(context: Context) -> str:
    """By the reader's own clock."""
    hour, name = timezone.localtime().hour, {"name": context["request"].user}
    if 4 <= hour < 12:
        return gettext("Good morning, %(name)s") % name
    return (gettext("Good afternoon, %(name)s") if 12 <= hour < 18 else gettext("Good evening, %(name)s")) % name


@register.simple_tag
def today() -> str:
    """The date in the reader's zone and language: `Tue 24 Nov 2026`."""
    return formats.date(timezone.localdate(), get_language() or "en")
