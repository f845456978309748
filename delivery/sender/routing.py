"""Which place takes which message: one for all on a smarthost; with direct delivery one for each set of MX hosts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import fields
from delivery import buckets, connection_limits
from delivery.buckets import Sender
from delivery.models import Mailing, Route
from delivery.mta_sts import Policy
from delivery.mx import MxResult, permitted
from delivery.queue import sites
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import Outcome, Try, decide, handed_over, returned
from delivery.queue.sites import Asked, Kept, Learnt
from delivery.sender.jobs import Line
from delivery.sender.places import STUCK_REST, Place
from delivery.sender.policies import COME_BACK, Policies
from delivery.smtp.client import Endpoint, Security
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply

if TYPE_CHECKING:
    from delivery.sender.process import Process

SECURITY = {
    Route.Security.NONE: Security.NONE,
    Route.Security.STARTTLS: Security.STARTTLS,
    Route.Security.IMPLICIT: Security.IMPLICIT,
}


LONGEST_WAIT = 600.0  # for one site's limit, until it is asked again


@dataclass(slots=True)
class Routed:
    """Where the messages of one batch go, and those that cannot go anywhere now."""

    everyone: Place | None = None
    places: dict[int, Place] = field(default_factory=dict)
    settled: list[Outcome] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of the sites they go to: one that is paused closes the gate

    def place(self, message: int) -> Place:
        return self.everyone or self.places[message]

    def __contains__(self, message: int) -> bool:
        return self.everyone is not None or message in self.places


class Router:
    """For a smarthost or the sandbox, which take mail for any domain."""

    def __init__(self, process: Process, route: Route, mailing: Mailing) -> None:
        self._process = process
        self._route = route
        self._sender = buckets.sender_of(mailing)
        # What of the sender limits of connections name: its mail shares no connection with others'.
        self._own = connection_limits.own(route, self._sender)

    async def scopes(self, claim: Claim) -> list[buckets.Scope]:
        """The limits that hold for the whole lease, as they are now; where somebody asked us to slow down, that too."""
        known, slowed = await self._process.limits.read(), self._process.limits.slowed()
        return buckets.scopes(known, self._sender, self._route, claim.site, slowed)

    def set_rate(self, claim: Claim) -> float:
        """Messages a second of the limits alone, as last read."""
        known = self._process.limits.rows
        return buckets.narrowest(buckets.scopes(known, self._sender, self._route, claim.site, {}))

    async def only_place(self, claim: Claim) -> Place | None:
        """The place that the whole lease depends on; None when each message has its own."""
        key = f"{buckets.route_key(claim.route)}{self._own}"
        return await self._process.places.at(key, smarthost_line, claim.route, self._own)

    async def route(self, claim: Claim, ids: Sequence[int]) -> Routed:
        return Routed(everyone=await self.only_place(claim))


class DirectRouter(Router):
    """To the MX of each domain: looked up (bounded, kept) before the gate, so that nobody is marked in vain."""

    def __init__(self, process: Process, route: Route, mailing: Mailing) -> None:
        super().__init__(process, route, mailing)
        self._at_most_once = mailing.at_most_once
        self._other_routes = mailing.routes.count() > 1

    async def only_place(self, claim: Claim) -> Place | None:
        return None

    async def route(self, claim: Claim, ids: Sequence[int]) -> Routed:
        asked = await self._process.database.ask(sites.asked, ids)
        domains = {one.domain for one in asked}
        kept = {one.domain: one.sts for one in asked if one.sts}
        found = await self._look_up(domains, kept)
        site_ids = await self._learn(asked, found)
        routed = Routed()
        going: dict[int, list[tuple[Asked, MxResult]]] = {}
        for one in asked:
            answer = found[one.domain]
            if answer is None:
                routed.settled.append(returned(one.message, COME_BACK))
            elif isinstance(answer, Reply):
                routed.settled.append(decide(self._try(one), answer, random.random()))
            else:
                going.setdefault(site_ids[answer.site], []).append((one, answer))
        numbers = {site: len(them) for site, them in going.items()}
        slowed = self._process.limits.slowed()
        closed, waits = await self._process.database.ask(site_waits, claim, self._sender, numbers, slowed)
        routed.keys = [buckets.site_key(claim.route, site) for site in going if site not in closed]
        for site, them in going.items():
            allowed, wait = waits.get(site, (len(them), 0.0))
            for one, answer in them[:allowed]:
                place = await self._place(claim, site, answer)
                if place.forbidden:
                    routed.settled.append(decide(self._try(one), place.forbidden, random.random()))
                elif place.stuck:
                    routed.settled.append(returned(one.message, STUCK_REST))
                else:
                    routed.places[one.message] = place
            for one, _ in them[allowed:]:
                failing = site in closed and wait != buckets.PAUSED
                outcome = returned(one.message, wait / self._process.time_scale, failing=failing)
                passed_on = site in closed and (self._other_routes or wait == buckets.PAUSED)
                routed.settled.append(handed_over(outcome, site) if passed_on else outcome)
        return routed

    def _try(self, one: Asked) -> Try:
        return Try(one.message, one.attempts, "", self._at_most_once)

    async def _look_up(self, domains: Iterable[str], kept: Mapping[str, Kept]) -> dict[str, MxResult | Reply | None]:
        """Servers that may take each domain's mail, or the reply that says why there are none; None: not known yet."""
        names = sorted(domains)
        dns = self._process.resolver
        mx = asyncio.gather(*(dns.resolve_mx(name, random.Random()) for name in names))
        answers, policies = await asyncio.gather(mx, self._process.policies.of(names, kept))
        return {
            name: answer if isinstance(answer, Reply) else _permitted(answer, policies[name])
            for name, answer in zip(names, answers, strict=True)
        }

    async def _learn(self, asked: Sequence[Asked], found: Mapping[str, MxResult | Reply | None]) -> dict[str, int]:
        """Ids of the sites by key; what is new is written down once a process."""
        known = self._process.site_ids
        news = {
            domain: Learnt(answer.site, answer.provider)
            for domain, answer in found.items()
            if isinstance(answer, MxResult)
            and (
                answer.site not in known
                or any(one.domain == domain and one.site != known[answer.site] for one in asked)
            )
        }
        if news:
            known.update(await self._process.database.ask(sites.learn, news))
        return known

    async def _place(self, claim: Claim, site: int, answer: MxResult) -> Place:
        """Domains of one site share its limits and its closing; a connection serves those with the same MX hosts."""
        hosts = ",".join(sorted(host.name for host in answer.hosts))
        key = f"{buckets.site_key(claim.route, site)}{self._own}|{hosts}"
        if answer.policy:
            key += f"|{answer.policy.mode}:{','.join(answer.policy.mx)}"
        return await self._process.places.at(key, direct_line, claim.route, site, answer, self._own)


def router_for(process: Process, claim: Claim) -> Router:
    """Read from the database."""
    route = Route.objects.get(pk=claim.route)
    mailing = Mailing.objects.select_related("from_address").get(pk=claim.mailing)
    return (DirectRouter if route.kind == Route.Kind.DIRECT else Router)(process, route, mailing)


def smarthost_line(route_id: int, sender: Sender) -> Line:
    """Read from the database: a smarthost, or the sandbox, which is one without secrets."""
    route = Route.objects.get(pk=route_id)
    limits = connection_limits.of(route, None, sender)
    endpoint = Endpoint(
        host=route.host,
        port=route.port,
        security=SECURITY[Route.Security(route.security)],
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
        connections=min([settings.SEND_CONNECTIONS, *(most for _, most in limits.shared)]),
        shared=limits.shared,
        per_connection=limits.messages,
    )


def _permitted(answer: MxResult, policy: Policy | None) -> MxResult | Reply | None:
    if policy is Policies.PENDING:
        return None
    names = ", ".join(host.name for host in answer.hosts)
    return permitted(answer, policy) or Fault.STS_NO_MX.reply(Phase.TLS, names)


def direct_line(route_id: int, site_id: int, answer: MxResult, sender: Sender) -> Line:
    """To these MX hosts: TLS if they offer it, no certificate asked for (there is none to rely on), unless an MTA-STS
    policy of the domain says that there is."""
    route = Route.objects.get(pk=route_id)
    limits = connection_limits.of(route, site_id, sender)
    policy = answer.policy
    endpoints = tuple(
        Endpoint(
            host=host.name,
            port=settings.MX_PORT,
            security=Security.STARTTLS if policy and policy.names(host.name) else Security.OPPORTUNISTIC,
            addresses=host.addresses,
            ehlo_name=route.ehlo_name or settings.SMTP_HOSTNAME,
            source_address=route.source_address or "",
        )
        for host in answer.hosts
    )
    return Line(
        key=buckets.site_key(route.pk, site_id),
        route=route.pk,
        provider=answer.provider,
        sandbox=False,
        smarthost=False,
        sts=policy.mode if policy else "",
        endpoints=endpoints,
        connections=min([settings.SEND_CONNECTIONS, *(most for _, most in limits.shared)]),
        shared=limits.shared,
        per_connection=limits.messages,
        idle=limits.idle,
        site=site_id,
    )


def site_waits(
    claim: Claim, sender: Sender, wanted: Mapping[int, int], slowed: Mapping[str, float]
) -> tuple[set[int], dict[int, tuple[int, float]]]:
    """The sites that are closed; and of those that may not be sent to freely now, which these are too: how many may
    go, and the seconds until the others may.

    A lane of its own has bought from its site's limit already; in a mixed lane each site is asked here.
    """
    waits: dict[int, tuple[int, float]] = {}
    closed = buckets.closed_seconds([buckets.site_key(claim.route, site) for site in wanted])
    limited = buckets.limited_sites(claim.route, sender, slowed)
    for site, number in wanted.items():
        still = closed.get(buckets.site_key(claim.route, site), 0.0)
        if still == buckets.PAUSED and site == claim.site:
            continue  # the gate decides: a lease that was open before its site was drained goes on
        if still > 0:
            waits[site] = (0, still)
        elif site != claim.site and site in limited:
            sale, now = buckets.buy(limited[site], number)
            at_once = sale.number if sale.start - now < 1.0 else 0
            if at_once < sale.number:
                buckets.give_back(limited[site], sale, sale.number)
            waits[site] = (at_once, min(max(1.0, sale.start - now), LONGEST_WAIT))
    return {site for site in wanted if buckets.site_key(claim.route, site) in closed}, waits
