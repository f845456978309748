"""Campaigns as the API reads and writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, NaiveDatetime

from accounts.api import Body, Id, Line, example
from campaigns.again import Chosen, chosen
from campaigns.models import Campaign
from campaigns.models.campaign import GIVE_UP_HOURS, LEAST_WAVE, MOST_WAVE, MOST_WAVE_MINUTES, WAVE_MINUTES
from delivery.queue.counts import Counts, counts

ProviderKey = Annotated[
    Line,
    Field(max_length=40, description="A key of `providers` in the report, such as `gmail`, or `other`; empty: all"),
]
ListIds = Annotated[list[Id], Field(max_length=1000)]


class CampaignIn(Body):
    """What is left out stays as it is."""

    model_config = example(
        name="Autumn",
        subject="New tea",
        preheader="Sencha from Uji",
        html="<p>Dear {{ contact.first_name or 'reader' }}, …</p><a href='{{ unsubscribe_url }}'>Unsubscribe</a>",
        include_lists=[1],
    )

    name: str = ""
    kind: Literal["html", "letter"] = "html"
    language: Literal["en", "ja"] = "en"
    subject: str = ""
    preheader: str = ""
    from_address: Id | None = None
    reply_to: str = ""
    html: str = ""
    letter: str = Field("", description="The text of a letter of kind “letter”")
    text: str = Field("", description="The plain-text part; empty: made from the HTML")
    include_lists: ListIds = []
    exclude_lists: ListIds = []
    route: Id | None = Field(None, description="null: the workspace's own")
    next_routes: Annotated[list[Id], Field(max_length=2)] = Field(
        [], description="Which take over in this order while it is down"
    )
    give_up_hours: Annotated[int, Field(ge=1, le=GIVE_UP_HOURS)] = Field(
        GIVE_UP_HOURS,
        description="Whoever has not got it so many hours after their first try counts as failed; nobody is given up"
        " because a limit or a pause keeps them waiting",
    )

    wave_size: Annotated[int, Field(ge=LEAST_WAVE, le=MOST_WAVE)] | Literal[0] | None = Field(
        None, description="The safety wave: so many get it first. 0: none; null: 1,000 of an audience of 20,000 or more"
    )
    wave_minutes: Annotated[int, Field(ge=1, le=MOST_WAVE_MINUTES)] = Field(
        WAVE_MINUTES, description="How long the others wait after the wave was answered"
    )


class CampaignChange(CampaignIn):
    model_config = example(subject="New tea is here", version=2)

    version: Id | None = Field(None, description="The version that was changed, unless If-Match says it")


class CampaignLine(Schema):
    """A campaign in a list."""

    id: int
    name: str
    subject: str
    status: str
    version: int
    send_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AgainIn(Body):
    model_config = example(outcome="failed", cause="mailbox_full")

    outcome: Literal["failed", "unknown", "bounced"]
    cause: Annotated[Line, Field(max_length=80)] = Field("", description="Of a line of `failures`; empty: every cause")
    provider: ProviderKey = ""


class AgainCause(Schema):
    cause: str
    title: str
    people: int
    prospect: Literal["twice", "may_arrive", "same", "left_out"] = Field(
        description="twice: they may have it already; may_arrive: what was in the way passes by itself; "
        "same: refused as before unless the cause was put right; left_out: mail to the address is stopped"
    )


class AgainOut(Schema):
    """Whom a draft is sent to again. Who may not be mailed, or has got it meanwhile, is left out when it begins."""

    campaign: int | None = Field(alias="origin_id")
    outcome: Literal["failed", "unknown", "bounced"]
    cause: str
    provider: str
    people: int
    whole: bool = Field(description="false: they are many, and still being gathered")
    causes: list[AgainCause]


class CampaignOut(CampaignLine):
    kind: str
    language: str
    preheader: str
    from_address: int | None = Field(None, alias="from_address_id")
    reply_to: str
    html: str
    letter: str
    text: str
    include_lists: list[int]
    exclude_lists: list[int]
    route: int | None = Field(None, alias="route_id")
    next_routes: list[int]
    give_up_hours: int
    wave_size: int | None
    wave_minutes: int
    zone: str
    again: AgainOut | None = Field(description="null: it goes to its lists")

    @staticmethod
    def resolve_again(campaign: Campaign) -> Chosen | None:
        return chosen(campaign)


class CountsOut(Schema):
    """People. `will_receive` is the sum of the eight states; `audience` adds those who were left out, by reason. Who
    bounced later is one of the delivered."""

    audience: int
    will_receive: int
    delivered: int
    bounced: int
    retrying: int
    failed: int
    waiting: int
    on_the_way: int
    unknown: int
    held: int
    not_sent: int
    excluded: dict[str, int]

    @classmethod
    def of(cls, found: Counts) -> CountsOut:
        return cls.model_validate(found, from_attributes=True)


class CampaignStatus(Schema):
    """Where a campaign is. `counts` is null for a draft."""

    id: int
    status: str
    version: int
    pause_reason: str
    pause_figures: dict[str, float] = Field(
        description="Of a campaign that paused itself by its figures: `number` of `of` were more than `percent`"
    )
    wave_until: datetime | None = Field(description="The safety wave was answered, and the others wait until then")
    send_at: datetime | None
    zone: str
    started_at: datetime | None
    finished_at: datetime | None
    counts: CountsOut | None


class Changed(CampaignStatus):
    changed: bool = Field(description="false: it was so already, or not in a state for it")


class Decided(CampaignStatus):
    people: int = Field(description="For how many it was decided; 0: nobody was held, or it was stopped")


class When(Body):
    model_config = example(at="2026-12-01T09:04:00", zone="Asia/Tokyo")

    at: NaiveDatetime = Field(description="Wall time in the zone, without an offset")
    zone: str = Field(max_length=64, description="IANA name, such as Asia/Tokyo")


class TestIn(Body):
    model_config = example(to=["me@example.com"], contact=1)

    to: Annotated[list[str], Field(min_length=1, max_length=10)]
    contact: Id | None = Field(None, description="Whose values the letter shows")


class TestMessage(Schema):
    id: int
    rcpt: str
    state: str = Field(alias="state_name")


class TestOut(Schema):
    id: int
    messages: list[TestMessage]


class PreviewOut(Schema):
    contact: int | None
    subject: str
    preheader: str
    html: str
    text: str
    headers: str
    source: str
    missing: list[str] = Field(description="Variables that have no value for this person")


class CheckOut(Schema):
    key: str
    level: Literal["stop", "look", "fine"]
    topic: str
    title: str
    detail: str
    value: str
    line: int = Field(description="Of the HTML; 0: none")


class FunnelLine(Schema):
    reason: str
    people: int


class FunnelOut(Schema):
    """matched = receiving + the people of all lines. `stale`: it is being counted again."""

    matched: int
    receiving: int
    excluded: list[FunnelLine] = Field(alias="lines")
    counted_at: datetime | None = Field(alias="at")
    stale: bool


class PersonOut(Schema):
    """Somebody of a campaign's audience; `message` is null for those who were left out, `cause` is then why."""

    message: int | None
    rcpt: str
    name: str
    contact: int | None
    state: str
    cause: str
    attempts: int
    provider: str
    due_at: datetime | None


def status_of(campaign: Campaign) -> dict[str, Any]:
    mailing = campaign.mailing
    return {
        "id": campaign.pk,
        "status": campaign.status,
        "version": campaign.version,
        "pause_reason": mailing.pause_reason if mailing else "",
        "pause_figures": mailing.pause_figures if mailing else {},
        "wave_until": mailing.wave_until if mailing and mailing.in_wave else None,
        "send_at": campaign.send_at,
        "zone": campaign.zone,
        "started_at": mailing and mailing.started_at,
        "finished_at": mailing and mailing.finished_at,
        "counts": CountsOut.of(counts(mailing)) if mailing else None,
    }
