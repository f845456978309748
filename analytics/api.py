"""Reports by HTTP: the figures of the report page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Schema
from pydantic import Field

from accounts.api import ApiRequest, Id, Key, Resource
from accounts.api_keys import Scope
from analytics import reports
from campaigns.models import Campaign
from delivery.models import Mailing

router = Resource(tags=["Reports"])


class Named(Schema):
    name: str
    people: int


class ProviderOut(Schema):
    key: str
    name: str
    delivered: int
    retrying: int
    failed: int
    unknown: int


class LinkOut(Schema):
    number: int
    url: str
    text: str
    people: int
    clicks: int
    machine_clicks: int


class ClosedOut(Schema):
    provider: str
    until: datetime


class PausedOut(Schema):
    provider: str = Field(description="Empty: the whole route")
    route: str
    by: str
    since: datetime


class SlowerOut(Schema):
    """`provider` is empty where `route`, a smarthost, asked. `until`: if they do not ask again."""

    provider: str
    route: str
    cause: str
    per_minute: float
    since: datetime
    until: datetime


class ReportOut(Schema):
    """`rate` is people a minute now; done between `earliest` and `latest`, null where nothing can be said."""

    status: str
    at: datetime
    rate: float
    average_rate: float
    earliest: datetime | None
    latest: datetime | None
    providers: list[ProviderOut]
    people_who: dict[str, int]
    links: list[LinkOut]
    give_up_at: datetime | None = Field(
        description="Nobody is given up before it; who was first tried later has as much longer; a pause moves it"
    )
    route_closed_until: datetime | None
    closed_providers: list[ClosedOut] = Field(description="Those that take no mail at the moment, over a direct route")
    paused: list[PausedOut] = Field(description="What a person paused: a provider, or a whole route")
    slower: list[SlowerOut] = Field(description="Who asked us to slow down")


class CauseOut(Schema):
    """People who share an outcome and a cause, with what it means and what to do."""

    cause: str
    outcome: str
    people: int
    title: str
    why: str
    advice: list[str]
    action: str
    retry: bool
    codes: list[Named]
    providers: list[Named]


class CodeOut(Schema):
    code: str
    outcome: str
    cause: str
    people: int


class FailuresOut(Schema):
    causes: list[CauseOut]
    codes: list[CodeOut]


def mailing_of(request: ApiRequest, pk: int) -> Mailing:
    rows: QuerySet[Campaign] = Campaign.objects.of(request.workspace).select_related("mailing")
    mailing = get_object_or_404(rows.filter(mailing__isnull=False), pk=pk).mailing
    assert mailing is not None
    return mailing


@router.get("/{pk}/report", auth=Key(Scope.READ), response=ReportOut)
def read_report(request: ApiRequest, pk: Id) -> Any:
    """How fast it goes, how each provider answers, what people did. 404 for a draft."""
    made = reports.report(mailing_of(request, pk))
    return {
        **vars(made),
        "status": made.mailing.state,
        "rate": made.pace.now,
        "average_rate": made.pace.average,
        "earliest": made.pace.earliest,
        "latest": made.pace.latest,
        "people_who": {deed.value: number for deed, number in made.deeds.items()},
        "give_up_at": made.give_up_at,
        "route_closed_until": made.closed_until,
        "closed_providers": [{"provider": one.key, "until": one.until} for one in made.closed_providers],
        "paused": [vars(one) | {"provider": one.key} for one in made.paused],
        "slower": [vars(one) | {"provider": one.key} for one in made.slower],
    }


@router.get("/{pk}/failures", auth=Key(Scope.READ), response=FailuresOut)
def read_failures(request: ApiRequest, pk: Id) -> Any:
    """Who was not simply delivered: by cause, and by the code that their servers answered. 404 for a draft."""
    causes = reports.report(mailing_of(request, pk)).causes
    return {
        "causes": [_cause(row) for row in causes],
        "codes": [
            {"code": code, "outcome": row.outcome, "cause": row.cause, "people": people}
            for row in causes
            for code, people in row.codes
        ],
    }


def _cause(row: reports.CauseRow) -> dict[str, Any]:
    return {**vars(row), "codes": _named(row.codes), "providers": _named(row.by_provider)}


def _named(pairs: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"name": name, "people": people} for name, people in pairs]
