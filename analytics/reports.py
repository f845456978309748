"""What a campaign's report says: read from roll-ups and tallies, a few rows at any size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import get_language

from analytics import closings
from analytics.closings import Closed, Paused, Routes, Slower
from analytics.deeds import Deed
from analytics.models import MailingDeed, MailingLink, MailingMinute, MailingOutcome
from analytics.pace import Minute, Pace, pace
from delivery import knowledge, mailings, providers, warmups
from delivery.message_page import explanation_of
from delivery.models import Exclusion, Link, Mailing
from delivery.queue.counts import Counts, counts
from delivery.warmups import Forecast

EXPIRED = "expired"
READING = timedelta(hours=1)  # after the end, in which a report still moves by itself
RATED, MANY_FAILED = 50, 0.02  # people for a rate; the share from which failures want a look


@dataclass(frozen=True)
class ProviderRow:
    """One provider: where its people stand now. Shares are of `tried`."""

    key: str
    name: str
    delivered: int = 0
    retrying: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def tried(self) -> int:
        return self.delivered + self.retrying + self.failed + self.unknown

    @property
    def rated(self) -> bool:
        """Enough people for shares."""
        return self.tried >= RATED

    @property
    def many_failed(self) -> bool:
        """More than senders should be content with."""
        return self.rated and self.failed > self.tried * MANY_FAILED


@dataclass(frozen=True)
class CauseRow:
    """People who failed or wait for one cause. `outcome` is what they share."""

    cause: str
    outcome: str
    people: int
    title: str
    why: str
    advice: tuple[str, ...]
    retry: bool
    action: str
    codes: list[tuple[str, int]] = field(default_factory=list)
    by_provider: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class LinkRow:
    number: int
    url: str
    text: str
    people: int
    clicks: int
    machine_clicks: int


@dataclass(frozen=True)
class Excluded:
    reason: str
    words: str
    people: int


@dataclass(frozen=True)
class Report:
    mailing: Mailing
    counts: Counts
    minutes: list[Minute]
    pace: Pace
    providers: list[ProviderRow]
    causes: list[CauseRow]
    deeds: dict[Deed, int]
    links: list[LinkRow]
    excluded: list[Excluded]
    routes: Routes
    closed_providers: list[Closed]
    warm_up: Forecast | None
    slower: list[Slower]
    paused: list[Paused]
    at: datetime

    @property
    def closed_until(self) -> datetime | None:
        """When the mail server is tried again, if none answers now."""
        return self.routes.until

    @property
    def over(self) -> bool:
        """Nobody's outcome changes any more by itself. A stopped mailing is over once its people are cancelled."""
        ended = self.mailing.state in (Mailing.State.FINISHED, Mailing.State.STOPPED)
        return ended and self.mailing.finished_at is not None

    @property
    def live(self) -> bool:
        """The page asks again: figures still come in, or people have just got their mail and are reading it."""
        finished_at = self.mailing.finished_at
        return not self.over or (finished_at is not None and self.at - finished_at < READING)

    @property
    def done(self) -> int:
        """People with whom we are done; after a stop those who were tried, since nothing was done for the others."""
        return self.counts.tried if self.mailing.state == Mailing.State.STOPPED else self.counts.finished

    @property
    def rated(self) -> bool:
        """Enough delivered for shares of what people did."""
        return self.counts.delivered >= RATED

    @property
    def left_out(self) -> int:
        """People whom a stop keeps from getting it, whether they are cancelled yet or not."""
        stopped = self.mailing.state == Mailing.State.STOPPED
        return self.counts.will_receive - self.counts.tried - self.counts.on_the_way if stopped else 0

    @property
    def give_up_hours(self) -> int:
        """How long the campaign tries; pauses come on top."""
        return self.mailing.campaign.give_up_hours

    @property
    def give_up_at(self) -> datetime | None:
        return mailings.give_up_at(self.mailing)

    @property
    def all_providers(self) -> ProviderRow:
        rows = self.providers
        return ProviderRow(
            "all",
            "",
            sum(row.delivered for row in rows),
            sum(row.retrying for row in rows),
            sum(row.failed for row in rows),
            sum(row.unknown for row in rows),
        )


def report(mailing: Mailing) -> Report:
    now = timezone.now()
    counted = counts(mailing)
    minutes = minutes_of([mailing.pk]).get(mailing.pk, [])
    rows = list(MailingOutcome.objects.filter(mailing=mailing, n__gt=0))
    return Report(
        mailing=mailing,
        counts=counted,
        minutes=minutes,
        pace=pace(
            minutes,
            waiting=counted.waiting,
            tried=counted.tried + counted.retrying,
            started_at=mailing.started_at or now,
            now=now,
            ended_at=mailing.finished_at,
        ),
        providers=by_provider(rows),
        causes=by_cause(rows),
        deeds=deeds_of(mailing),
        links=links_of(mailing),
        excluded=excluded_of(counted),
        routes=closings.routes(mailing),
        closed_providers=closings.providers(mailing),
        warm_up=warmups.forecasts([mailing]).get(mailing.pk) if mailing.state == Mailing.State.SENDING else None,
        slower=closings.slower(mailing),
        paused=closings.paused(mailing),
        at=now,
    )


def minutes_of(mailings: Iterable[int], since: datetime | None = None) -> dict[int, list[Minute]]:
    """By mailing id every minute in which something came, oldest first."""
    rows = MailingMinute.objects.filter(mailing__in=mailings).order_by("minute")
    found: dict[int, dict[datetime, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows.filter(minute__gte=since) if since else rows:
        found[row.mailing_id][row.minute][row.outcome] = row.n
    return {key: [Minute(at, **outcomes) for at, outcomes in minutes.items()] for key, minutes in found.items()}


def _language() -> str:
    return (get_language() or "en")[:2]


def by_provider(rows: Iterable[MailingOutcome]) -> list[ProviderRow]:
    """Largest first, "other" last."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.outcome in ("delivered", "retrying", "failed", "unknown"):
            found[row.provider][row.outcome] += row.n
    named = [ProviderRow(key, provider_name(key), **outcomes) for key, outcomes in found.items()]
    return sorted(named, key=lambda row: (row.key == "other", -row.tried))


def provider_name(key: str) -> str:
    return providers.label(key, _language()) if key != "other" else ""


def by_cause(rows: Iterable[MailingOutcome]) -> list[CauseRow]:
    """Failures first, then who waits, each by size."""
    order = {"failed": 0, "bounced": 1, "held": 2, "unknown": 3, "retrying": 4}
    groups: dict[tuple[str, str], list[MailingOutcome]] = defaultdict(list)
    for row in rows:
        if row.outcome in order:
            groups[row.outcome, row.cause].append(row)
    made = [_cause_row(cause, outcome, members) for (outcome, cause), members in groups.items()]
    return sorted(made, key=lambda row: (order[row.outcome], -row.people))


def _cause_row(cause: str, outcome: str, members: list[MailingOutcome]) -> CauseRow:
    known = knowledge.CAUSES.get(cause)
    words = explanation_of(cause) or knowledge.explain("unknown", _language())
    return CauseRow(
        cause=cause,
        outcome=outcome,
        people=sum(row.n for row in members),
        title=words.title,
        why=words.why,
        advice=tuple(words.advice),
        retry=outcome == "retrying",
        action=str(known.action) if known else "",
        codes=_sums((row.code, row.n) for row in members if row.code),
        by_provider=_sums((row.provider, row.n) for row in members),
    )


def _sums(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    sums: dict[str, int] = defaultdict(int)
    for key, number in pairs:
        sums[key] += number
    return sorted(sums.items(), key=lambda pair: -pair[1])


def deeds_of(mailing: Mailing) -> dict[Deed, int]:
    found = dict(MailingDeed.objects.filter(mailing=mailing).values_list("deed", "n"))
    return {deed: found.get(deed.value, 0) for deed in Deed}


def links_of(mailing: Mailing) -> list[LinkRow]:
    """Every link of the letter, also those that nobody followed, most followed first."""
    clicked = {row.number: row for row in MailingLink.objects.filter(mailing=mailing)}
    rows = [_link_row(link, clicked.get(link.number)) for link in Link.objects.filter(content=mailing.content_id)]
    return sorted(rows, key=lambda row: (-row.people, row.number))


def _link_row(link: Link, row: MailingLink | None) -> LinkRow:
    if row is None:
        return LinkRow(link.number, link.url, link.text, 0, 0, 0)
    return LinkRow(link.number, link.url, link.text, row.people, row.clicks, row.machine_clicks)


def excluded_of(counted: Counts) -> list[Excluded]:
    words = dict(Exclusion.Reason.choices)
    rows = [Excluded(reason, str(words.get(reason, reason)), n) for reason, n in counted.excluded.items()]
    return sorted(rows, key=lambda row: -row.people)
