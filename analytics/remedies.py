"""The one button of a cause: where its action leads whoever reads the report."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.roles import Can, Permissions
from analytics.reports import CauseRow, Report
from campaigns.models import Campaign
from delivery import knowledge, spikes
from delivery.knowledge import Action, Category, Cause, Scope
from delivery.models import Mailing, Route, SendingDomain

PROOFS = frozenset({Category.AUTH_SPF, Category.AUTH_DKIM, Category.AUTH_DMARC})
OF_ROUTE = frozenset({Action.FIX_CREDENTIALS, Action.PAUSE_ROUTE})


@dataclass(frozen=True)
class Remedy:
    """`words` say what the button does; `post` for one that makes something."""

    words: str
    url: str
    post: bool = False


def beside(made: Report, campaign: Campaign, can: Permissions) -> list[tuple[CauseRow, Remedy | None]]:
    """Each cause with its remedy; None where there is nothing to open but the list of its people."""
    domain, route = _sent_by(made.mailing)
    return [
        (row, remedy(cause, campaign, domain, route, can) if (cause := knowledge.CAUSES.get(row.cause)) else None)
        for row in made.causes
    ]


def of_pause(campaign: Campaign, mailing: Mailing, can: Permissions) -> Remedy | None:
    """Of a campaign that paused itself: where its thresholds stand, or what is to be put right."""
    if mailing.state != Mailing.State.PAUSED:
        return None
    if mailing.pause_reason in spikes.CAUSES:
        return Remedy(_("Open the brakes"), reverse("delivery:brakes"))
    cause = knowledge.CAUSES.get(mailing.pause_reason)
    found = remedy(cause, campaign, *_sent_by(mailing), can) if cause else None
    return found if found and not found.post else None


def of_cause(cause: str, campaign: Campaign, can: Permissions) -> Remedy | None:
    """Of a cause that a campaign met."""
    known = knowledge.CAUSES.get(cause)
    return remedy(known, campaign, *_sent_by(campaign.mailing), can) if known and campaign.mailing else None


def _sent_by(mailing: Mailing) -> tuple[SendingDomain, Route | None]:
    return mailing.from_address.sending_domain, mailing.routes.order_by("mailingroute__order").first()


def remedy(
    cause: Cause, campaign: Campaign, domain: SendingDomain, route: Route | None, can: Permissions
) -> Remedy | None:
    """Only what this reader may open. The sandbox has neither DNS records nor a page of its route."""
    if _in_dns(cause):
        return None if domain.sandbox else _records(domain)
    if cause.action in OF_ROUTE or cause.action is Action.FIX_DNS:  # DNS of the server's own name: EHLO stands there
        opens = route is not None and route.kind != Route.Kind.SANDBOX and can(Can.MANAGE_INSTALL)
        return _route(route) if route and opens else None
    if cause.action is Action.FIX_CONTENT and can(Can.WRITE_CAMPAIGNS):
        return Remedy(_("Write a corrected copy"), reverse("campaigns:duplicate", args=[campaign.pk]), post=True)
    return None


def _in_dns(cause: Cause) -> bool:
    """Whether the page of the sending domain shows what is wrong."""
    return cause.scope is Scope.SENDING_DOMAIN and (cause.action is Action.FIX_DNS or cause.category in PROOFS)


def _records(domain: SendingDomain) -> Remedy:
    words = _("Open the DNS records of %(domain)s") % {"domain": domain}
    return Remedy(words, reverse("delivery:domain", args=[domain.pk]))


def _route(route: Route) -> Remedy:
    return Remedy(_("Open the route “%(route)s”") % {"route": route}, reverse("delivery:route", args=[route.pk]))
