"""What DMARC figures mean, and what to do next. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.dmarc.tallying import Tally

STEADY_DAYS = 14  # of reports without a failure of one's own, before a stricter policy is advised
MOSTLY = 0.9  # of a source's messages


class Who(enum.StrEnum):
    """Whose server a source is, as far as can be told."""

    OURS = "ours"  # an address that mail of this domain leaves from
    SIGNED = "signed"  # somebody else's, but the domain's signature holds: a relay, or a forwarder
    ALLOWED = "allowed"  # somebody else's, which the domain's SPF allows
    MIXED = "mixed"  # some of it passes
    UNKNOWN = "unknown"  # nothing passes: a forger, or a service that somebody forgot
    REST = "rest"  # several that are not kept apart


class Advice(enum.StrEnum):
    OWN_FAIL = "own_fail"  # our own servers' mail fails
    FORGED = "forged"  # others fail, and the policy lets them in
    KEPT_OUT = "kept_out"  # others fail, as the policy wants
    WAIT = "wait"  # nothing that is known to be ours fails, for less than STEADY_DAYS
    QUARANTINE = "quarantine"  # for longer: p=none may become p=quarantine
    REJECT = "reject"  # for longer: p=quarantine may become p=reject
    DONE = "done"  # for longer, with p=reject


@dataclass(frozen=True)
class Source:
    address: str
    who: Who
    tally: Tally


def who(address: str, tally: Tally, ours: Sequence[str]) -> Who:
    if not address:
        return Who.REST
    if address in ours:
        return Who.OURS
    if not tally.passed:
        return Who.UNKNOWN
    if tally.passed < tally.messages * MOSTLY:
        return Who.MIXED
    return Who.SIGNED if tally.dkim >= tally.spf else Who.ALLOWED


def advise(sources: Sequence[Source], *, policy: str, days: int) -> list[Advice]:
    """`days` since the first report's; `policy` is none, quarantine or reject."""
    if not any(one.tally.messages for one in sources):
        return []
    own_fails = any(one.tally.failed for one in sources if one.who is Who.OURS)
    half = any(one.who is Who.MIXED for one in sources)
    others_fail = any(one.tally.failed for one in sources if one.who is not Who.OURS)
    found = [Advice.OWN_FAIL] if own_fails else []
    if others_fail:
        found.append(Advice.FORGED if policy == "none" else Advice.KEPT_OUT)
    if not own_fails and not half and any(one.tally.passed for one in sources):
        next_step = {"none": Advice.QUARANTINE, "quarantine": Advice.REJECT}.get(policy, Advice.DONE)
        found.append(next_step if days >= STEADY_DAYS else Advice.WAIT)
    return found
