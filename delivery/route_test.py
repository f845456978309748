""" "Test this route", in words: connects, secures, signs in, and sends nothing.

The result is values and sentence keys; `text` is the sentence in the language of whoever looks.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from accounts import fields
from delivery import route_name
from delivery.dns import Resolver
from delivery.models import Route
from delivery.mx import MxResult
from delivery.presets import PRESETS
from delivery.route_words import OP25B, USE_IMPLICIT, USE_STARTTLS, USE_TLS, Sentence, Step, StepName, done, failed
from delivery.smtp.client import Endpoint, Security, connect, may_retry_plain
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts

__all__ = ["PRESETS", "Proposal", "Result", "Step", "examine", "examine_direct", "run"]

PROBE_DOMAIN = "gmail.com"  # a direct route is tried with the servers of this domain: said EHLO, sent nothing
PATIENCE = Timeouts(connect=8.0, banner=30.0, hello=20.0, quit=2.0)
KNOCK = 4.0  # seconds for looking whether another port is open
SUBMISSION = ((587, Security.STARTTLS), (465, Security.IMPLICIT))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A port that did answer, and how to secure it."""

    port: int
    security: Security

    @property
    def text(self) -> str:
        if self.security is Security.IMPLICIT:
            return gettext("Port %(port)s is open: choose it with implicit TLS.") % {"port": self.port}
        return gettext("Port %(port)s is open: choose it with STARTTLS.") % {"port": self.port}


@dataclass(frozen=True, slots=True)
class Result:
    """What the test found. `advice` is empty when all is well."""

    steps: tuple[Step, ...]
    advice: tuple[Sentence, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    offers: str = ""  # the server's extensions
    named: tuple[Step, ...] = ()  # of a direct route: whether our name and address are as receivers want them

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    @property
    def well_named(self) -> bool:
        return all(step.ok for step in self.named)


def run(route: Route) -> Result:
    """For code without an event loop, such as a view. Takes a minute at the very worst."""
    if route.kind == Route.Kind.DIRECT:
        return asyncio.run(_run_direct(_endpoint(route)))
    return asyncio.run(examine(_endpoint(route)))


async def _run_direct(like: Endpoint) -> Result:
    resolver = Resolver.from_settings()
    result, named = await asyncio.gather(
        examine_direct(like, resolver), route_name.examine(like.ehlo_name, like.source_address, resolver)
    )
    return replace(result, named=named)


async def examine(endpoint: Endpoint, timeouts: Timeouts = PATIENCE) -> Result:
    """One smarthost, step by step."""
    result, failure = await _attempt(endpoint, timeouts)
    if failure is None:
        return result
    proposals = await _open_ports(endpoint) if failure.phase is Phase.CONNECT else ()
    return replace(result, advice=_advice(endpoint, failure), proposals=proposals)


async def examine_direct(like: Endpoint, resolver: Resolver | None = None, timeouts: Timeouts = PATIENCE) -> Result:
    """Can this machine reach other people's mail servers? `like` brings EHLO name, source address and port."""
    found = await (resolver or Resolver.from_settings()).resolve_mx(PROBE_DOMAIN, random.Random())
    if isinstance(found, Reply):
        return Result((_failed(StepName.DNS, found, like.port),))
    endpoint = _of_mx(like, found)
    result, failure = await _attempt(endpoint, timeouts)
    if failure is not None and may_retry_plain(endpoint, failure):
        result, failure = await _attempt(endpoint, timeouts, plain=True)
    return result if failure is None else replace(result, advice=_advice(endpoint, failure))


def _endpoint(route: Route) -> Endpoint:
    return Endpoint(
        host=route.host,
        port=settings.MX_PORT if route.kind == Route.Kind.DIRECT else route.port,
        security=Security(route.security),
        username=route.username,
        password=fields.reveal(route, "password_sealed") if route.password_sealed else "",
        ca_file=route.ca_file,
        ehlo_name=route.ehlo_name or settings.SMTP_HOSTNAME,
        source_address=route.source_address or "",
    )


def _of_mx(like: Endpoint, found: MxResult) -> Endpoint:
    first = found.hosts[0]
    return replace(
        like, host=first.name, addresses=first.addresses, security=Security.OPPORTUNISTIC, username="", password=""
    )


async def _attempt(endpoint: Endpoint, timeouts: Timeouts, *, plain: bool = False) -> tuple[Result, Reply | None]:
    """Connect once, noting what went well; the failure, if any, is the last step."""
    went_well: dict[StepName, str] = {}

    def on_step(phase: Phase, detail: str) -> None:
        name = StepName.BANNER if phase is Phase.CONNECT and StepName.CONNECT in went_well else StepName(phase.value)
        went_well[name] = detail

    opened = await connect(endpoint, timeouts, plain=plain, on_step=on_step)
    steps = tuple(Step(name, True, done(name, endpoint.port), detail) for name, detail in went_well.items())
    if isinstance(opened, Session):
        await opened.quit()
        return Result(steps, offers=went_well.get(StepName.HELO, "")), None
    name = (
        StepName.BANNER
        if opened.phase is Phase.CONNECT and StepName.CONNECT in went_well
        else StepName(opened.phase.value)
    )
    kept = tuple(step for step in steps if step.name is not name)
    return Result((*kept, _failed(name, opened, endpoint.port)), offers=went_well.get(StepName.HELO, "")), opened


def _failed(name: StepName, reply: Reply, port: int) -> Step:
    return Step(name, False, failed(name, reply, port), str(reply))


def _advice(endpoint: Endpoint, failure: Reply) -> tuple[Sentence, ...]:
    """What to change, where the failure alone tells it."""
    blocked = failure.synthetic in (Fault.CONNECT_TIMEOUT, Fault.NETWORK_UNREACHABLE)
    if endpoint.port == 25 and blocked:
        return (Sentence(OP25B),)
    if (
        failure.synthetic == Fault.BANNER_TIMEOUT
        and endpoint.security is not Security.IMPLICIT
        and endpoint.port == 465
    ):
        return (Sentence(USE_IMPLICIT),)
    if failure.synthetic == Fault.TLS_FAILED and endpoint.security is Security.IMPLICIT:
        return (Sentence(USE_STARTTLS),)
    if failure.synthetic == Fault.AUTH_UNAVAILABLE and endpoint.security is Security.NONE:
        return (Sentence(USE_TLS),)
    return ()


async def _open_ports(endpoint: Endpoint) -> tuple[Proposal, ...]:
    """Which submission ports of the same server do take connections."""
    others = [(port, security) for port, security in SUBMISSION if port != endpoint.port]
    answers = await asyncio.gather(*(_knock(endpoint, port) for port, _ in others))
    return tuple(Proposal(*other) for other, is_open in zip(others, answers, strict=True) if is_open)


async def _knock(endpoint: Endpoint, port: int) -> bool:
    source: Any = (endpoint.source_address, 0) if endpoint.source_address else None
    try:
        opening = asyncio.open_connection(endpoint.host, port, local_addr=source)
        _reader, writer = await asyncio.wait_for(opening, KNOCK)
    except OSError:
        return False
    writer.close()
    return True
