"""Whether the name in EHLO and the address that we send from name each other: many receivers refuse mail if they do not
(RFC 5321, 4.1.1.1; "FCrDNS")."""

from __future__ import annotations

import socket

from delivery.dns import Resolver
from delivery.mx import is_public
from delivery.route_words import (
    NAME_LEADS_ELSEWHERE,
    NAME_LEADS_HERE,
    NAME_NOT_FULL,
    NAME_NOT_IN_DNS,
    NO_ANSWER,
    NO_REVERSE,
    REVERSE_ELSEWHERE,
    REVERSE_RIGHT,
    SOURCE_ELSEWHERE,
    SOURCE_HERE,
    Sentence,
    Step,
    StepName,
)


async def examine(name: str, source: str, resolver: Resolver) -> tuple[Step, ...]:
    """`source` "" where the system chooses: then the addresses of the name are taken for ours."""
    steps = [_source(source)] if source else []
    if "." not in name:
        return (*steps, _step(StepName.NAME, False, NAME_NOT_FULL, name=name))
    found = await resolver.lookup_addresses(name)
    steps.append(_name(name, source, found))
    ours = [source] if _known(source) else found if steps[-1].ok and found else []
    return (*steps, *[await _reverse(name, address, resolver) for address in ours])


def _step(step: StepName, ok: bool, key: str, /, **parameters: str) -> Step:
    return Step(step, ok, Sentence(key, tuple(parameters.items())))


def _known(source: str) -> bool:
    """Whether receivers see this address: behind address translation nobody here knows the outer one."""
    return bool(source) and is_public(source)


def _source(address: str) -> Step:
    """A socket can only be bound to an address of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return _step(StepName.SOURCE, False, SOURCE_ELSEWHERE, address=address)
    return _step(StepName.SOURCE, True, SOURCE_HERE, address=address)


def _name(name: str, source: str, found: list[str] | None) -> Step:
    if found is None:
        return _step(StepName.NAME, False, NO_ANSWER)
    if not found:
        return _step(StepName.NAME, False, NAME_NOT_IN_DNS, name=name)
    if _known(source) and source not in found:
        return _step(StepName.NAME, False, NAME_LEADS_ELSEWHERE, name=name, found=", ".join(found), address=source)
    return _step(StepName.NAME, True, NAME_LEADS_HERE, name=name, address=source if source in found else found[0])


async def _reverse(name: str, address: str, resolver: Resolver) -> Step:
    named = await resolver.lookup_ptr(address)
    if named is None:
        return _step(StepName.REVERSE, False, NO_ANSWER)
    if not named:
        return _step(StepName.REVERSE, False, NO_REVERSE, name=name, address=address)
    if name.lower() not in named:
        return _step(StepName.REVERSE, False, REVERSE_ELSEWHERE, name=name, address=address, found=", ".join(named))
    return _step(StepName.REVERSE, True, REVERSE_RIGHT, name=name, address=address)
