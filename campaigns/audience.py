"""How many people a draft reaches, counted: at once while that is quick, else in the background. Once the send has
begun, the figures are the mailing's own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise

from campaigns.models import Campaign
from contacts.models import Subscription
from delivery.models import Exclusion, PeopleSetMember
from delivery.queue.audience import Funnel
from delivery.queue.audience import funnel as count
from delivery.queue.counts import counts

PATIENCE_MS = 1500  # what a page may wait for; a longer count goes to the `work` queue
# Reasons whose people the contacts' page finds, and by which state: those who are on the list all the same.
FOUND = {Exclusion.Reason.STOPPED: "manual", Exclusion.Reason.BOUNCED: "undeliverable"}
RECOUNT = dt.timedelta(seconds=60)  # a slow count is not begun again while its last result is this new


@dataclass(frozen=True)
class Line:
    """One subtraction of the ledger. `url` is the page of just these people, "" where there is none."""

    reason: str
    words: Promise | str
    people: int
    url: str


@dataclass(frozen=True)
class Counted:
    """matched = receiving + Σ lines. `stale` when the lists were changed or are being counted again."""

    matched: int
    receiving: int
    lines: list[Line]
    at: dt.datetime | None
    stale: bool = False
    begun: bool = False  # these are the people of the send, and no longer change

    @property
    def receiving_text(self) -> str:
        """For button words; a count that is under way has no figure yet."""
        return "…" if self.stale else f"{self.receiving:,}"

    @property
    def excluded(self) -> int:
        return self.matched - self.receiving


def funnel(campaign: Campaign) -> Counted:
    """The ledger for the page. Never waits longer than PATIENCE_MS; `stale` says that a count is under way."""
    mailing = campaign.mailing
    if mailing is not None and mailing.started_at is not None:
        lines = _lines(campaign, counts(mailing).excluded)
        return Counted(mailing.matched, mailing.expanded, lines, mailing.started_at, begun=True)
    if not campaign.include_lists:
        return Counted(0, 0, [], timezone.now())
    kept = read(campaign)
    if campaign.people_set is not None and campaign.people_set.gathered_at is None:
        return _stale(kept)
    if kept and campaign.counted.get("slow") and kept.at and timezone.now() - kept.at < RECOUNT and not kept.stale:
        return kept
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_MS}ms"])
            found = _count(campaign)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # a transaction around this one goes on without
    except OperationalError:
        return _stale(kept)
    return keep(campaign, found, slow=False)


def begin_recount(campaign: Campaign) -> bool:
    """Whether the caller should have it counted in the background: once in RECOUNT, however often the page asks."""
    now = timezone.now()
    begun = campaign.counted.get("begun")
    if begun and now - dt.datetime.fromisoformat(begun) < RECOUNT:
        return False
    campaign.counted = {**campaign.counted, "begun": now.isoformat()}
    return bool(Campaign.objects.filter(pk=campaign.pk).update(counted=campaign.counted))


def recount(campaign_id: int) -> None:
    """Count without hurry, for the page that polls."""
    campaign = Campaign.objects.get(pk=campaign_id)
    keep(campaign, _count(campaign), slow=True)


def _count(campaign: Campaign) -> Funnel:
    return count(campaign.workspace_id, campaign.include_lists, campaign.exclude_lists, campaign.people_set_id)


def newest(campaign: Campaign, most: int) -> QuerySet[Any, int]:
    """Ids of up to `most` people of the audience, the newest first. Of a campaign without one: nobody."""
    if campaign.people_set_id:
        rows = PeopleSetMember.objects.filter(people_set=campaign.people_set_id)
        return rows.order_by("-contact_id").values_list("contact_id", flat=True)[:most]
    on_lists = Subscription.objects.filter(list_id__in=campaign.include_lists, state="subscribed")
    return on_lists.order_by("-contact_id").values_list("contact_id", flat=True)[:most]


def keep(campaign: Campaign, found: Funnel, *, slow: bool) -> Counted:
    campaign.counted = {
        "lists": _key(campaign),
        "matched": found.matched,
        "receiving": found.will_receive,
        "excluded": found.excluded,
        "at": timezone.now().isoformat(),
        "slow": slow,
    }
    Campaign.objects.filter(pk=campaign.pk).update(counted=campaign.counted)
    counted = read(campaign)
    assert counted is not None
    return counted


def read(campaign: Campaign) -> Counted | None:
    """The last count, None if there was none."""
    kept = campaign.counted
    if "matched" not in kept:
        return None
    at = dt.datetime.fromisoformat(kept["at"])
    lines = _lines(campaign, kept["excluded"])
    return Counted(kept["matched"], kept["receiving"], lines, at, stale=kept["lists"] != _key(campaign))


def _lines(campaign: Campaign, excluded: dict[str, int]) -> list[Line]:
    words = dict(Exclusion.Reason.choices)
    lines = [
        Line(reason, words[reason], excluded[reason], _url(campaign, reason)) for reason in words if reason in excluded
    ]
    return sorted(lines, key=lambda line: -line.people)


def _url(campaign: Campaign, reason: str) -> str:
    """Of a send the people as they were logged; of a draft only where a filter of one list finds just these."""
    mailing = campaign.mailing
    if mailing is not None and mailing.started_at is not None:
        return f"{reverse('delivery:people', args=[mailing.pk])}?outcome=excluded&cause={reason}"
    state = FOUND.get(Exclusion.Reason(reason))
    if state is None or campaign.people_set_id or len(campaign.include_lists) != 1:
        return ""
    return f"{reverse('contacts:list')}?list={campaign.include_lists[0]}&state={state}"


def _stale(kept: Counted | None) -> Counted:
    if kept is None:
        return Counted(0, 0, [], None, stale=True)
    return Counted(kept.matched, kept.receiving, kept.lines, kept.at, stale=True)


def _key(campaign: Campaign) -> list[Any]:
    lists = [sorted(campaign.include_lists), sorted(campaign.exclude_lists)]
    return lists if campaign.people_set is None else [*lists, campaign.people_set.people]
