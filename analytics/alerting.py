"""When a trouble is worth an alert: values in, decision out. Pure.

What opens an alert is more than what keeps it open, and it closes only after a calm while: a share that sways about its
limit is told once.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

CALM = timedelta(minutes=15)  # so long without trouble before it is over


class Kind(enum.StrEnum):
    """What is wrong. `subject` of a Sign says with whom."""

    PROOF = "proof"  # a sending domain is not believed
    RECORD = "record"  # a DNS record of a live domain went wrong
    BLOCKED = "blocked"  # a provider refuses us, for spam or reputation
    COMPLAINTS = "complaints"  # too many people report spam
    ABSENT = "absent"  # too many addresses do not exist
    ROUTE = "route"  # a route does not answer, or paused itself
    PROVIDER = "provider"  # a provider over a route paused itself, since it refused us
    CAMPAIGN = "campaign"  # a campaign paused itself; the subject is its number, a colon and its name
    INLET = "inlet"  # bounces and reports do not come in; the subject is a mailbox, "" the listener
    WORKERS = "workers"  # people wait and nobody sends


# They do not wait until morning: nothing arrives while they last.
GRAVE = frozenset({Kind.PROOF, Kind.RECORD, Kind.ROUTE, Kind.CAMPAIGN, Kind.WORKERS})


@dataclass(frozen=True)
class Rule:
    """Shares of the whole. Nothing is judged of fewer than `least` people, nor opened by fewer than `few`."""

    opens: float
    stays: float
    least: int = 1
    few: int = 1


RULES: Mapping[Kind, Rule] = {
    Kind.PROOF: Rule(0.01, 0.005, least=50, few=5),
    Kind.RECORD: Rule(1, 1),
    Kind.BLOCKED: Rule(0.05, 0.025, least=50, few=10),
    Kind.COMPLAINTS: Rule(0.001, 0.0005, least=1_000, few=3),
    Kind.ABSENT: Rule(0.02, 0.01, least=200, few=10),
    Kind.ROUTE: Rule(1, 1),
    Kind.PROVIDER: Rule(1, 1),
    Kind.CAMPAIGN: Rule(1, 1),
    Kind.INLET: Rule(1, 1),
    Kind.WORKERS: Rule(1, 1),
}


@dataclass(frozen=True)
class Sign:
    """What was counted: `part` of `whole`; where there is nothing to count, 1 of 1."""

    kind: Kind
    subject: str
    part: int = 1
    whole: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return str(self.kind), self.subject


@dataclass(frozen=True)
class Decision:
    """What to do with the alerts: open these, keep those, close the rest."""

    opened: list[Sign]
    kept: list[Sign]
    closed: list[tuple[str, str]]


def holds(sign: Sign, *, is_open: bool) -> bool:
    rule = RULES[sign.kind]
    if sign.whole < rule.least:
        return False
    if is_open:
        return sign.part > 0 and sign.part >= rule.stays * sign.whole
    return sign.part >= rule.few and sign.part >= rule.opens * sign.whole


def decide(signs: Iterable[Sign], open_since: Mapping[tuple[str, str], datetime], *, now: datetime) -> Decision:
    """`open_since`: the open alerts, and when their trouble was last seen."""
    # Two sites may be one provider to people: that is one alert.
    by_key = {sign.key: sign for sign in signs if holds(sign, is_open=sign.key in open_since)}
    held = by_key.values()
    kept = [sign for sign in held if sign.key in open_since]
    seen = {sign.key for sign in kept}
    return Decision(
        opened=[sign for sign in held if sign.key not in open_since],
        kept=kept,
        closed=[key for key, last in open_since.items() if key not in seen and now - last >= CALM],
    )


def quiet(hour: int) -> bool:
    """Whether people sleep, by the hour of the workspace's own clock: 21:00 to 7:00."""
    return hour >= 21 or hour < 7
