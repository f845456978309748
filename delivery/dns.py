"""Where a domain's mail goes (RFC 5321, 5.1), and what stands in the DNS of a sending domain.

One `Resolver` per event loop. Answers are kept within bounds of number and time; the same question
asked twice at once is asked once. Chance is an argument: equal preferences are shuffled by the caller's rng.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename
from django.conf import settings

from delivery.mx import MxHost, MxResult, in_order, is_public, literal, site_of
from delivery.smtp.commands import a_label
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply

T = TypeVar("T")

MOST_MX = 50  # a domain with more is broken, or wants to keep us busy
MOST_TRIED = 10  # of them are given addresses
KEPT = 50_000
SHORTEST, LONGEST, AFTER_FAILURE = 60.0, 3600.0, 30.0  # seconds an answer is kept


class Unanswered(Exception):
    """The DNS gave no answer: time-out, SERVFAIL, a loop. It may the next time."""


class NoSuchName(Exception):
    """The name does not exist."""


@dataclass(frozen=True, slots=True)
class Found:
    """Values of one name and type, and how long they hold. `exists` is False for NXDOMAIN."""

    values: tuple[str, ...]
    ttl: float
    exists: bool = True


class Resolver:
    """Asks, keeps, and bounds. `nameservers` as "address" or "address:port"; none: the machine's own."""

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        allow_private: bool = False,
        own_names: Iterable[str] = (),
        seconds: float = 10.0,
        at_once: int = 100,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = _resolver(nameservers)
        self._resolver.lifetime = seconds
        self._resolver.timeout = seconds / 2
        self._allow_private = allow_private
        self._own_names = frozenset(name.lower().rstrip(".") for name in own_names)
        self._at_once = asyncio.Semaphore(at_once)
        self._now = now
        self._kept: OrderedDict[tuple[str, str], tuple[float, Found | Unanswered]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Future[Found | Unanswered]] = {}

    @classmethod
    def from_settings(cls) -> Resolver:
        """As DNS_RESOLVER, ALLOW_PRIVATE_MX and SMTP_HOSTNAME say."""
        servers = [part.strip() for part in settings.DNS_RESOLVER.split(",") if part.strip()]
        return cls(servers, allow_private=settings.ALLOW_PRIVATE_MX, own_names=[settings.SMTP_HOSTNAME])

    # Where mail goes.

    async def resolve_mx(self, domain: str, rng: random.Random) -> MxResult | Reply:
        """The servers of a domain, or the reply that says why it has none."""
        address = literal(domain)
        if address:
            return self._of_literal(domain, address)
        name = a_label(domain.rstrip(".").lower())
        if not name:
            return Fault.NO_SUCH_DOMAIN.reply(Phase.DNS, domain)
        try:
            names = await self._mx_names(name)
            if isinstance(names, Reply):
                return names
            return await self._with_addresses(name, names, rng)
        except NoSuchName:
            return Fault.NO_SUCH_DOMAIN.reply(Phase.DNS, name)
        except Unanswered as why:
            return Fault.DNS_TEMPORARY.reply(Phase.DNS, str(why))

    async def _mx_names(self, name: str) -> list[tuple[int, str]] | Reply:
        """(preference, host); the domain itself where there is no MX record (RFC 5321, 5.1)."""
        found = await self.find(name, "MX")
        if not found.exists:
            raise NoSuchName(name)
        records = [_mx(value) for value in found.values]
        if len(records) > MOST_MX:
            return Fault.MX_TOO_MANY.reply(Phase.DNS, f"{len(records)}")
        if records and all(host == "" for _, host in records):  # RFC 7505
            return Fault.NULL_MX.reply(Phase.DNS)
        # Whoever stands at our own place or behind it would hand the mail back to us.
        own = min((preference for preference, host in records if host in self._own_names), default=None)
        servers = [(preference, host) for preference, host in records if host and (own is None or preference < own)]
        if records and not servers:
            return Fault.NO_MAIL_HOST.reply(Phase.DNS, "no MX comes before this server itself")
        return servers or [(0, name)]

    async def _with_addresses(self, domain: str, names: list[tuple[int, str]], rng: random.Random) -> MxResult | Reply:
        ordered = in_order(names, rng)
        tried = ordered[:MOST_TRIED]
        answers = await asyncio.gather(*(self._addresses(host) for _, host in tried), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Unanswered):
                raise answer
        hosts = [
            MxHost(host, preference, addresses)
            for (preference, host), addresses in zip(tried, answers, strict=True)
            if isinstance(addresses, tuple)
        ]
        usable = tuple(host for host in (self._public(host) for host in hosts) if host.addresses)
        if usable:
            key, provider = site_of([host for _, host in names])
            return MxResult(domain, usable, key, provider)
        if any(isinstance(answer, Unanswered) for answer in answers):
            return Fault.DNS_TEMPORARY.reply(Phase.DNS, f"{tried[0][1]} has no address that could be found")
        return (Fault.MX_NOT_PUBLIC if any(h.addresses for h in hosts) else Fault.NO_MAIL_HOST).reply(Phase.DNS)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        four, six = await asyncio.gather(self.find(host, "A"), self.find(host, "AAAA"), return_exceptions=True)
        values = [value for part in (four, six) if isinstance(part, Found) for value in part.values]
        if not values:
            for part in (four, six):
                if isinstance(part, BaseException):
                    raise part
        return tuple(values)

    def _public(self, host: MxHost) -> MxHost:
        addresses = tuple(a for a in host.addresses if self._allow_private or is_public(a))
        return MxHost(host.name, host.preference, addresses)

    def _of_literal(self, domain: str, address: str) -> MxResult | Reply:
        if not (self._allow_private or is_public(address)):
            return Fault.MX_NOT_PUBLIC.reply(Phase.DNS)
        return MxResult(domain, (MxHost(address, 0, (address,)),), domain.lower())

    # What stands in the DNS: None when it did not answer, [] when there is nothing.

    async def lookup_txt(self, name: str) -> list[str] | None:
        """TXT records, each with its strings joined (RFC 7208, 3.3)."""
        return await self._values(name, "TXT")

    async def lookup_mx(self, name: str) -> list[str] | None:
        """MX records as "10 mx.example.net"."""
        return await self._values(name, "MX")

    async def lookup_cname(self, name: str) -> list[str] | None:
        """The target of the CNAME, without its last dot."""
        return await self._values(name, "CNAME")

    async def lookup_ptr(self, address: str) -> list[str] | None:
        """The names of an address, without their last dot."""
        return await self._values(dns.reversename.from_address(address).to_text(), "PTR")

    async def lookup_addresses(self, name: str) -> list[str] | None:
        """A and AAAA."""
        try:
            return list(await self._addresses(name.lower().rstrip(".")))
        except Unanswered:
            return None

    async def public_addresses(self, name: str) -> list[str]:
        """A and AAAA that may be connected to: a stranger's name must not lead us into our own network."""
        found = await self.lookup_addresses(name) or []
        return [address for address in found if self._allow_private or is_public(address)]

    async def _values(self, name: str, kind: str) -> list[str] | None:
        try:
            return list((await self.find(name.lower().rstrip("."), kind)).values)
        except Unanswered:
            return None

    # One question.

    async def find(self, name: str, kind: str) -> Found:
        """Kept, or asked. Raises Unanswered."""
        key = (name, kind)
        until, kept = self._kept.get(key, (0.0, None))
        if kept is None or self._now() >= until:
            if key not in self._asking:
                self._asking[key] = asyncio.ensure_future(self._ask(name, kind))
            kept = await asyncio.shield(self._asking[key])
        if isinstance(kept, Unanswered):
            raise Unanswered(str(kept))
        return kept

    async def _ask(self, name: str, kind: str) -> Found | Unanswered:
        try:
            async with self._at_once:
                found = await self._query(name, kind)
            ttl = found.ttl if isinstance(found, Found) else AFTER_FAILURE
            self._keep((name, kind), ttl, found)
            return found
        finally:
            self._asking.pop((name, kind), None)

    def _keep(self, key: tuple[str, str], ttl: float, found: Found | Unanswered) -> None:
        self._kept[key] = (self._now() + ttl, found)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    async def _query(self, name: str, kind: str) -> Found | Unanswered:
        try:
            absolute = dns.name.from_text(name + ".")
            answer = await self._resolver.resolve(absolute, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Found((), SHORTEST, exists=False)
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape):
            return Found((), LONGEST, exists=False)
        except (dns.exception.DNSException, OSError) as error:
            return Unanswered(f"{name} {kind}: {type(error).__name__}")
        if answer.rrset is None:
            return Found((), SHORTEST)
        ttl = min(max(float(answer.rrset.ttl), SHORTEST), LONGEST)
        return Found(tuple(_text(record) for record in answer.rrset), ttl)


def look(ask: Callable[[Resolver], Awaitable[T]]) -> T:
    """One question from code that has no event loop: look(lambda dns: dns.lookup_txt("example.jp"))."""

    async def go() -> T:
        return await ask(Resolver.from_settings())

    return asyncio.run(go())


def _resolver(nameservers: Sequence[str]) -> dns.asyncresolver.Resolver:
    if not nameservers:
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:  # then every question goes unanswered, which is temporary
            return dns.asyncresolver.Resolver(configure=False)
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [_nameserver(text) for text in nameservers]
    return resolver


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    """ "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"."""
    host, _, port = text.rpartition(":")
    if text.startswith("[") or text.count(":") == 1:
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    return dns.nameserver.Do53Nameserver(text, 53)


def _mx(value: str) -> tuple[int, str]:
    preference, _, host = value.partition(" ")
    return int(preference), host


def _text(record: object) -> str:
    """One record as text: TXT strings joined, names in lower case without the last dot."""
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    exchange = getattr(record, "exchange", None)
    if exchange is not None:
        return f"{getattr(record, 'preference', 0)} {exchange.to_text().rstrip('.').lower()}"
    return str(record).rstrip(".").lower()
