"""What it costs a receiver to read an SPF record: too many look-ups, and it counts as broken (RFC 7208, 4.6.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from delivery.dns import Resolver, Unanswered

MOST, MOST_VOID = 10, 2
_LOOKING = frozenset({"include", "a", "mx", "ptr", "exists"})


@dataclass(slots=True)
class Cost:
    """Look-ups when nothing matches before the end; those that found nothing; includes without a record."""

    lookups: int = 0
    void: int = 0
    broken: list[str] = field(default_factory=list)


async def cost(resolver: Resolver, domain: str, record: str) -> Cost:
    """Counted until there are too many: whoever writes the records decides how many there are."""
    found = Cost()
    await _read(resolver, domain, record, found)
    return found


async def _read(resolver: Resolver, domain: str, record: str, found: Cost) -> None:
    onward = ""
    for term in record.lower().split()[1:]:
        name, _sign, rest = term.lstrip("+-~?").partition(":")
        name, _slash, _length = name.partition("/")
        if name == "all":
            return
        if name.startswith("redirect="):
            onward = name.removeprefix("redirect=")
        elif name in _LOOKING:
            await _look_up(resolver, name, rest.partition("/")[0] or domain, found)
        if found.lookups > MOST:
            return
    if onward:
        await _look_up(resolver, "include", onward, found)


async def _look_up(resolver: Resolver, name: str, target: str, found: Cost) -> None:
    found.lookups += 1
    if found.lookups > MOST or "%" in target or name == "ptr":  # a macro is another name for every message
        return
    kind = {"include": "TXT", "mx": "MX"}.get(name, "A")
    try:
        values = (await resolver.find(target.rstrip("."), kind)).values
        if kind == "A" and not values:
            values = (await resolver.find(target.rstrip("."), "AAAA")).values
    except Unanswered:
        return
    if not values:
        found.void += 1
    if name != "include":
        return
    records = [value for value in values if value.lower().split(" ")[0] == "v=spf1"]
    if len(records) == 1:
        await _read(resolver, target, records[0], found)
    else:
        found.broken.append(target)
