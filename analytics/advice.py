"""One cause of failure in full: where, since when, what their servers said, in which campaigns, what mends it.

Bounded, however many people failed: roll-ups, and the newest people of the newest campaigns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from analytics import said
from analytics.groups import Group, group_of
from analytics.health import LOST, Cell, Choice, cells_of, columns_of, seen
from analytics.models import MailingOutcome
from analytics.said import Said
from campaigns.models import Campaign
from delivery.models import Mailing, MailingRoute, MessageState, Route
from delivery.people import OF_PROVIDER, of_provider
from delivery.providers import OTHER

CARDS = 5
LOOKED_AT = 500  # of the newest people of a campaign, for their replies
CAMPAIGNS, SHOWN = 100, 5  # of the newest campaigns: looked at, and shown


@dataclass(frozen=True)
class Asked:
    """The selection of a page; "" for all."""

    cause: str = ""
    group: str = ""
    provider: str = ""

    def __bool__(self) -> bool:
        return bool(self.cause or self.group)


@dataclass(frozen=True)
class InCampaign:
    """People of one campaign who failed for the cause, at once or by a report that came later. `provider` picks them
    out on its pages."""

    campaign: Campaign
    failed: int
    bounced: int
    provider: str


@dataclass(frozen=True)
class Advice:
    cause: str
    people: int
    provider: str  # of the selection
    first_at: datetime | None
    last_at: datetime | None
    by_provider: list[tuple[str, int]]
    said: list[Said]
    looked_at: int
    campaigns: list[InCampaign]

    @property
    def group(self) -> Group:
        return group_of(self.cause)

    @property
    def mendable(self) -> bool:
        """Sending again may reach them, once the cause is put right or has passed."""
        return self.group is not Group.ABSENT


def advice(choice: Choice, asked: Asked) -> list[Advice]:
    """The causes of the selection, most people first."""
    cells = cells_of(choice)
    named = {column.provider for column in columns_of(cells)} - {OTHER}
    by_cause: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.outcome in LOST and _wanted(cell, asked, named):
            by_cause[cell.cause].append(cell)
    ranked = sorted(by_cause.items(), key=lambda item: -sum(cell.n for cell in item[1]))
    return [_advice(choice, asked, cause, members) for cause, members in ranked[:CARDS]]


def _wanted(cell: Cell, asked: Asked, named: set[str]) -> bool:
    if asked.cause not in ("", cell.cause) or asked.group not in ("", group_of(cell.cause)):
        return False
    if asked.provider != OTHER:
        return asked.provider in ("", cell.provider)
    return cell.provider not in named


def _advice(choice: Choice, asked: Asked, cause: str, members: list[Cell]) -> Advice:
    people: dict[str, int] = defaultdict(int)
    for cell in members:
        people[cell.provider] += cell.n
    # "Other" of the page may hold named providers too, which its campaigns' pages do not: then nobody is picked out.
    provider = asked.provider if asked.provider != OTHER or set(people) == {OTHER} else ""
    campaigns = campaigns_of(choice, cause, provider)
    replies, looked_at = replies_of(campaigns, cause)
    first_at, last_at = seen(members)
    return Advice(
        cause=cause,
        people=sum(people.values()),
        provider=asked.provider,
        first_at=first_at,
        last_at=last_at,
        by_provider=sorted(people.items(), key=lambda item: -item[1]),
        said=said.kinds(replies),
        looked_at=looked_at,
        campaigns=campaigns,
    )


def campaigns_of(choice: Choice, cause: str, provider: str = "") -> list[InCampaign]:
    """Campaigns of the choice in which it did not reach somebody for the cause, newest first: within the period,
    however long ago the campaign began."""
    begun = list(_mailings(choice).order_by("-pk").values_list("pk", flat=True)[:CAMPAIGNS])
    rows = MailingOutcome.objects.filter(mailing__in=begun, outcome__in=LOST, cause=cause, n__gt=0)
    if provider:
        rows = rows.filter(provider=provider)
    if not choice.mailing:
        rows = rows.filter(last_at__gte=choice.since)
    people: dict[tuple[int | None, str], int] = defaultdict(int)
    for mailing, outcome, number in rows.values_list("mailing", "outcome", "n"):
        people[mailing, outcome] += number
    ids = {mailing for mailing, _outcome in people}
    found = Campaign.objects.filter(mailing__in=ids).select_related("mailing").order_by("-pk")[:SHOWN]
    return [
        InCampaign(one, people[one.mailing_id, "failed"], people[one.mailing_id, "bounced"], provider) for one in found
    ]


def _mailings(choice: Choice) -> QuerySet[Mailing]:
    rows = Mailing.objects.of(choice.workspace).filter(kind=Mailing.Kind.CAMPAIGN)
    if choice.mailing:
        return rows.filter(pk=choice.mailing)
    leaves = Exists(MailingRoute.objects.filter(mailing=OuterRef("pk")).exclude(route__kind=Route.Kind.SANDBOX))
    real = Q(leaves, from_address__sending_domain__sandbox=False)
    rows = rows.filter(~real if choice.sandbox else real, started_at__isnull=False)
    return rows.filter(from_address__sending_domain=choice.domain) if choice.domain else rows


_REPLIES = f"""
    SELECT a.code, coalesce(a.reply, ''), m.id
    FROM (
        SELECT message_id FROM delivery_messageexception
        WHERE mailing_id = %(mailing)s AND cause = %(cause)s AND state = ANY(%(states)s)
        ORDER BY message_id DESC LIMIT %(limit)s
    ) e JOIN delivery_message m ON m.id = e.message_id
    JOIN LATERAL (
        SELECT code, reply FROM delivery_attempt WHERE message_id = m.id AND code IS NOT NULL ORDER BY id DESC LIMIT 1
    ) a ON true
    WHERE {OF_PROVIDER} ORDER BY m.id DESC
"""


def replies_of(campaigns: list[InCampaign], cause: str) -> tuple[list[tuple[int, str, int]], int]:
    """(code, text, message) of the newest people of each campaign, and how many had one."""
    found: list[tuple[int, str, int]] = []
    with connection.cursor() as cursor:
        for one in campaigns:
            parameters: dict[str, Any] = {
                "mailing": one.campaign.mailing_id, "cause": cause, "limit": LOOKED_AT,
                "states": [MessageState.FAILED, MessageState.DELIVERED],
            } | of_provider(one.provider)  # fmt: skip
            cursor.execute(_REPLIES, parameters)
            found += cursor.fetchall()
    return found, len(found)
