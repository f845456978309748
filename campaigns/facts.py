"""What the preflight looks at, gathered from the database once a check."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Avg

from campaigns import audience, contents, launching
from campaigns.audience import Counted
from campaigns.checking import Facts
from campaigns.models import Campaign
from contacts.models import Contact, Field
from delivery.content.analysis import Analysis, analyse
from delivery.content.source import TemplateProblem
from delivery.models import Mailing, Route

LOOKED_BACK = 5  # sends that "usual" is the average of
COLUMNS = ("first_name", "last_name", "language", "fields", "tags")
ASKED = 20_000  # people looked at for missing values: exact up to here, a share of the newest beyond


def gather(campaign: Campaign, *, count: bool = True) -> Facts:
    routes = launching.routes_of(campaign)
    analysis, problem = _read(campaign)
    return Facts(
        campaign=campaign,
        from_address=campaign.from_address,
        routes=routes,
        live=any(route.kind != Route.Kind.SANDBOX for route in routes),
        tracking_url=settings.TRACKING_URL,
        analysis=analysis,
        problem=problem,
        counted=_counted(campaign) if count else None,
        usual_audience=_usual(campaign) if count else None,
        missing=_missing(campaign, analysis) if analysis else {},
        unknown_fields=analysis.unknown_fields(_known(campaign)) if analysis else {},
    )


def _read(campaign: Campaign) -> tuple[Analysis | None, TemplateProblem | None]:
    compiled = contents.compiled(campaign)
    if compiled.frozen is None:
        return None, compiled.problem
    workspace = campaign.workspace
    names = {"legal_name": workspace.legal_name, "postal_address": workspace.postal_address}
    return analyse(contents.source(campaign), compiled.frozen, **names), None


def _counted(campaign: Campaign) -> Counted | None:
    return audience.funnel(campaign) if campaign.include_lists else None


def _usual(campaign: Campaign) -> int | None:
    """The average audience of the last sends of this workspace, sandbox or live alike as this one is."""
    sent = Mailing.objects.of(campaign.workspace).filter(kind=Mailing.Kind.CAMPAIGN, started_at__isnull=False)
    if campaign.from_address:
        sent = sent.filter(from_address__sending_domain__sandbox=campaign.from_address.sending_domain.sandbox)
    last = sent.order_by("-pk").values("expanded")[:LOOKED_BACK]
    average = last.aggregate(usual=Avg("expanded"))["usual"]
    return round(average) if average else None


def _missing(campaign: Campaign, analysis: Analysis) -> dict[str, int]:
    """How many people of the audience have no value for a field that the letter reads."""
    fields = [name for name in analysis.fields if name != "address"]
    if not fields or not campaign.include_lists:
        return {}
    asked = Contact.objects.of(campaign.workspace).filter(pk__in=audience.newest(campaign, ASKED))
    people: list[dict[str, Any]] = list(asked.values(*COLUMNS))
    counts = {name: len([person for person in people if not _has(person, name)]) for name in fields}
    return {name: number for name, number in counts.items() if number}


def _known(campaign: Campaign) -> set[str]:
    own = set(Field.objects.of(campaign.workspace).values_list("key", flat=True))
    return own | {"address", "first_name", "last_name", "language", "tags", "fields"}


def _has(person: dict[str, Any], name: str) -> bool:
    fields = person["fields"]
    own = fields.get(name) if isinstance(fields, dict) else None
    return person.get(name, own) not in ("", None, [])
