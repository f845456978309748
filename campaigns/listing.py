"""Campaigns by status, newest first, in keyset pages, each with what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from delivery.models import Mailing
from delivery.queue.counts import Counts

if TYPE_CHECKING:
    from accounts.models import Workspace

PAGE = 25
SOON = timedelta(minutes=2)  # before the start of a campaign, from which its row moves by itself
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
class Figures:
    """What became of a mailing, in people. `pace` says how fast it goes and when it is done, while it is sent."""

    counts: Counts
    clicked: int
    pace: str = ""


Source = Callable[[Iterable[Mailing]], Mapping[int, Figures]]
_sources: list[Source] = []


def figures_from(source: Source) -> Source:
    """Analytics, a layer above, counts what people did: it registers here (AppConfig's `ready`)."""
    if source not in _sources:
        _sources.append(source)
    return source


@dataclass(frozen=True)
class Row:
    campaign: Campaign
    figures: Figures | None  # of a send that has begun

    @property
    def moving(self) -> bool:
        """Whether it changes by itself within minutes."""
        mailing = self.campaign.mailing
        if mailing is None:
            return False
        if mailing.state == S.WAITING:
            return mailing.start_at is None or mailing.start_at - timezone.now() < SOON
        ending = mailing.state == S.STOPPED and mailing.finished_at is None
        return ending or mailing.state in (S.EXPANDING, S.SENDING)


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    older: int | None  # ?before= of the next page
    newer: bool  # whether this is not the first

    @property
    def moving(self) -> bool:
        return any(row.moving for row in self.rows)


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
    return Page(rows_of(found[:PAGE]), found[PAGE - 1].pk if more else None, before is not None)


def rows_of(campaigns: list[Campaign]) -> list[Row]:
    """In a few queries, however many they are."""
    begun = [one.mailing for one in campaigns if one.mailing is not None and one.mailing.started_at is not None]
    known = {key: figures for source in _sources for key, figures in source(begun).items()} if begun else {}
    return [Row(one, known.get(one.mailing_id or 0)) for one in campaigns]
