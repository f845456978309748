"""When a mailing should pause itself: what counts as a bad sign, and how much of it is too much. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal

from delivery.knowledge import Category, Verdict

UNKNOWN_USERS, BLOCKS, COMPLAINTS = "many_unknown_users", "many_blocks", "many_complaints"
CAUSES = (UNKNOWN_USERS, BLOCKS, COMPLAINTS)

WINDOW = 500  # the newest tries that are looked at: so many at least, and what two seconds add
LEAST_TRIES = 50  # 1 of 3 says nothing; nine tenths of the smallest safety wave say enough
LEAST_COMPLAINTS = 5

# They refuse us, not this one person: to go on would only make it worse.
BLOCKING = frozenset({
    Category.AUTH_SPF, Category.AUTH_DKIM, Category.AUTH_DMARC, Category.PTR_HELO, Category.TLS_REQUIRED,
    Category.IP_REPUTATION, Category.DOMAIN_REPUTATION, Category.BLOCKLIST, Category.CONTENT_SPAM,
    Category.CONTENT_URL, Category.VIRUS, Category.ATTACHMENT,
})  # fmt: skip


class Sign(enum.IntEnum):
    """What one refusal says about the mailing."""

    NONE = 0
    UNKNOWN_USER = 1  # the address or its domain does not exist: of a stale or bought list
    BLOCK = 2  # they do not take this mail, or mail from us


def sign(verdict: Verdict, *, final: bool) -> Sign:
    """`final`: the person is failed by it. What only asks us to go slower is none: it gets that (delivery.adapting)."""
    if final and verdict.hard:
        return Sign.UNKNOWN_USER
    return Sign.BLOCK if verdict.category in BLOCKING else Sign.NONE


@dataclass(frozen=True)
class Seen:
    """Of the newest tries, how many were what; complaints since the counting began, and everyone who got it."""

    tries: int
    unknown_users: int
    blocks: int
    complaints: int
    delivered: int


@dataclass(frozen=True)
class Allowed:
    """Percent; None: never pause for it."""

    unknown_users: Decimal | None
    blocks: Decimal | None
    complaints: Decimal | None


@dataclass(frozen=True)
class Spike:
    """`number` of `of` is more than `percent`."""

    cause: str
    number: int
    of: int
    percent: Decimal


def spike(seen: Seen, allowed: Allowed) -> Spike | None:
    """The worst that is over its threshold, or None."""
    if seen.complaints >= LEAST_COMPLAINTS and _over(seen.complaints, seen.delivered, allowed.complaints):
        return Spike(COMPLAINTS, seen.complaints, seen.delivered, allowed.complaints or Decimal(0))
    if seen.tries < LEAST_TRIES:
        return None
    if _over(seen.blocks, seen.tries, allowed.blocks):
        return Spike(BLOCKS, seen.blocks, seen.tries, allowed.blocks or Decimal(0))
    if _over(seen.unknown_users, seen.tries, allowed.unknown_users):
        return Spike(UNKNOWN_USERS, seen.unknown_users, seen.tries, allowed.unknown_users or Decimal(0))
    return None


def _over(number: int, of: int, percent: Decimal | None) -> bool:
    return percent is not None and number * 100 > of * percent
