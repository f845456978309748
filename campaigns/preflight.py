"""Before a send: what stops it, what a person should look at, what is fine. Facts are read once, checks are pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from campaigns import content_checks, sender_checks
from campaigns.checking import Check, Facts, Level, Topic
from campaigns.facts import gather
from campaigns.models import Campaign

CHECKS: tuple[Callable[[Facts], Iterable[Check]], ...] = (
    sender_checks.audience,
    sender_checks.sender,
    sender_checks.delivery,
    content_checks.content,
    content_checks.links,
    content_checks.legal,
)


@dataclass(frozen=True)
class Report:
    checks: tuple[Check, ...]

    def _at(self, level: Level) -> list[Check]:
        return [check for check in self.checks if check.level is level]

    @property
    def total(self) -> int:
        return len(self.checks)

    @property
    def stops(self) -> list[Check]:
        return self._at(Level.STOP)

    @property
    def looks(self) -> list[Check]:
        return self._at(Level.LOOK)

    @property
    def fine(self) -> list[Check]:
        return self._at(Level.FINE)

    @property
    def lines(self) -> str:
        """The lines of the HTML that the editor marks: "17,26"."""
        return ",".join(str(check.line) for check in (*self.stops, *self.looks) if check.line)

    @property
    def fine_by_topic(self) -> list[tuple[str, list[Check]]]:
        order = list(Topic)
        checks = sorted(self.fine, key=lambda check: order.index(check.topic))
        return [(str(topic.label), list(group)) for topic, group in groupby(checks, key=lambda check: check.topic)]


def check(campaign: Campaign) -> Report:
    """Every check of this campaign as it is now."""
    facts = gather(campaign)
    return Report(tuple(accepted_or_not(facts, _run(facts, CHECKS))))


def of_content(campaign: Campaign) -> Report:
    """Only what its words can say: for the drawer of the editor, which asks with every save."""
    facts = gather(campaign, count=False)
    return Report(tuple(accepted_or_not(facts, _run(facts, CHECKS[3:]))))


def _run(facts: Facts, checks: Iterable[Callable[[Facts], Iterable[Check]]]) -> Iterator[Check]:
    for one in checks:
        yield from one(facts)


def accepted_or_not(facts: Facts, checks: Iterable[Check]) -> Iterator[Check]:
    """An amber check that a person accepted is fine while it measures the same."""
    for one in checks:
        accepted = one.level is Level.LOOK and facts.campaign.accepted_checks.get(one.key) == one.value
        yield one.accepted() if accepted else one


def accept(campaign: Campaign, key: str, value: str) -> None:
    """Remember that somebody looked at it."""
    key, value = key.replace("\0", ""), value.replace("\0", "")  # JSON in PostgreSQL takes none
    accepted = {**campaign.accepted_checks, key[:40]: value[:200]}
    Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT).update(accepted_checks=accepted)
