"""Which place takes which message: one for all on a smarthost or a site's own lane, one a site in a mixed lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import fields
from delivery import buckets
from delivery.models import Route
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import Outcome
from delivery.sender.places import Line, Place
from delivery.smtp.client import Endpoint, Security

if TYPE_CHECKING:
    from delivery.sender.process import Process

_SECURITY = {
    Route.Security.NONE: Security.NONE,
    Route.Security.STARTTLS: Security.STARTTLS,
    Route.Security.IMPLICIT: Security.IMPLICIT,
}


@dataclass(slots=True)
class Routed:
    """Where the messages of one batch go, and those that cannot go anywhere now."""

    everyone: Place | None = None
    places: dict[int, Place] = field(default_factory=dict)
    settled: list[Outcome] = field(default_factory=list)

    def place(self, message: int) -> Place:
        return self.everyone or self.places[message]

    def __contains__(self, message: int) -> bool:
        return self.everyone is not None or message in self.places


class Router:
    """For a route that takes mail for any domain: one place."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def only_place(self, claim: Claim) -> Place | None:
        """The place that the whole lease depends on; None when each message has its own."""
        return await self._process.place(buckets.route_key(claim.route), smarthost_line, claim.route)

    async def route(self, claim: Claim, ids: Sequence[int]) -> Routed:
        return Routed(everyone=await self.only_place(claim))


def smarthost_line(route_id: int) -> Line:
    """Read from the database: a smarthost, or the sandbox, which is one without secrets."""
    route = Route.objects.get(pk=route_id)
    limits = buckets.connections(route, None)
    endpoint = Endpoint(
        host=route.host,
        port=route.port,
        security=_SECURITY[Route.Security(route.security)],
        username=route.username,
        password=fields.reveal(route, "password_sealed") if route.password_sealed else "",
        ca_file=route.ca_file,
        ehlo_name=route.ehlo_name or settings.SMTP_HOSTNAME,
        source_address=route.source_address or "",
    )
    return Line(
        key=buckets.route_key(route.pk),
        route=route.pk,
        provider="",
        sandbox=route.kind == Route.Kind.SANDBOX,
        smarthost=route.kind == Route.Kind.SMARTHOST,
        endpoints=(endpoint,),
        connections=min(settings.SEND_CONNECTIONS, limits.most or settings.SEND_CONNECTIONS),
        shared=limits.most,
        shared_key=limits.key,
        per_connection=limits.messages,
    )


def router_for(process: Process, claim: Claim) -> Router:
    return Router(process)
