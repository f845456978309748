"""Campaigns by status, newest first, in keyset pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from delivery.models import Mailing

if TYPE_CHECKING:
    from accounts.models import Workspace

PAGE = 25
S = Mailing.State

TABS: dict[str, tuple[Promise, Q]] = {
    "all": (_("All"), Q()),
    "draft": (_("Drafts"), Q(mailing=None)),
    "scheduled": (_("Scheduled"), Q(mailing__state=S.WAITING)),
    "sending": (_("Sending"), Q(mailing__state__in=[S.EXPANDING, S.SENDING, S.PAUSED])),
    "sent": (_("Sent"), Q(mailing__state__in=[S.FINISHED, S.STOPPED])),
}


@dataclass(frozen=True)
class Tab:
    key: str
    title: Promise
    count: int


@dataclass(frozen=True)
class Page:
    campaigns: list[Campaign]
    older: int | None  # ?before= of the next page
    newer: bool  # whether this is not the first


def tabs(workspace: Workspace) -> list[Tab]:
    """Every tab with its count, in one query. A workspace has thousands of campaigns, not millions."""
    counts = Campaign.objects.of(workspace).aggregate(
        **{
            key: Count("pk", filter=condition) if condition else Count("pk")
            for key, (_title, condition) in TABS.items()
        }
    )
    return [Tab(key, title, counts[key]) for key, (title, _condition) in TABS.items()]


def matching(workspace: Workspace, tab: str, words: str) -> QuerySet[Campaign]:
    rows = Campaign.objects.of(workspace).select_related("mailing", "from_address__sending_domain")
    rows = rows.filter(TABS.get(tab, TABS["all"])[1])
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(subject__icontains=words))
    return rows.order_by("-pk")


def page(workspace: Workspace, *, tab: str = "all", words: str = "", before: int | None = None) -> Page:
    rows = matching(workspace, tab, words)
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    more = len(found) > PAGE
    return Page(found[:PAGE], found[PAGE - 1].pk if more else None, before is not None)
