"""Whose mail servers MX hosts are, and in which order they are tried (RFC 5321, 5.1). Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from delivery import providers
from delivery.mta_sts import ENFORCE, NONE, Policy


@dataclass(frozen=True, slots=True)
class MxHost:
    """One server of a domain, with the addresses that may be connected to (IPv4 first)."""

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MxResult:
    """Servers in the order to try, and the site that they are: domains with the same site share limits."""

    domain: str
    hosts: tuple[MxHost, ...]
    site: str
    provider: str = ""  # key of delivery.providers, "" if none is known
    policy: Policy | None = None  # MTA-STS: these may take the mail, or would have to be named


def in_order(names: Iterable[tuple[int, str]], rng: random.Random) -> list[tuple[int, str]]:
    """By preference, at random among equals (RFC 5321, 5.1)."""
    shuffled = sorted(names)
    rng.shuffle(shuffled)
    return sorted(shuffled, key=lambda pair: pair[0])


def site_of(hosts: Iterable[str]) -> tuple[str, str]:
    """The site that these MX hosts are, and its provider: who counts what we send as one.

    A known provider is one site, however its hosts are named (each Microsoft 365 customer has an
    MX of its own). Else the sites are the organisational ends of the names, joined.
    """
    known = {host: providers.provider_of_mx(host) for host in hosts}
    parts = sorted({provider or organisational(host) for host, provider in known.items()})
    provider = parts[0] if len(parts) == 1 and set(known.values()) == {parts[0]} else ""
    key = "+".join(parts)
    if len(key) > 255:
        key = f"{parts[0][:180]}+{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    return key, provider


def permitted(result: MxResult, policy: Policy | None) -> MxResult | None:
    """The servers that may take the mail under the domain's MTA-STS policy (RFC 8461, 5); None: there are none."""
    if policy is None or policy.mode == NONE:
        return result
    if policy.mode != ENFORCE:
        return replace(result, policy=policy)
    hosts = tuple(host for host in result.hosts if policy.names(host.name))
    return replace(result, hosts=hosts, policy=policy) if hosts else None


def organisational(host: str) -> str:
    """The end of a host name that one organisation holds, without a public suffix list: near enough for limits."""
    labels = host.lower().rstrip(".").split(".")
    if len(labels) <= 2:
        return ".".join(labels)
    second_level = len(labels[-1]) == 2 and (len(labels[-2]) <= 3 or labels[-2] in {"gov", "info"})
    return ".".join(labels[-3:] if second_level else labels[-2:])


def is_public(address: str) -> bool:
    """May a mail server stand at this address? Loopback, private, link-local, CGNAT, mapped: no."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def literal(domain: str) -> str | None:
    """The address of "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321, 4.1.3)."""
    if not (domain.startswith("[") and domain.endswith("]")):
        return None
    text = domain[1:-1]
    text = text[5:] if text.lower().startswith("ipv6:") else text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
