"""What the page of a sending domain shows of its DMARC reports: the last 30 days, from sums."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from delivery.dmarc.inlet import address_of, is_read
from delivery.dmarc.judging import Advice, Source, advise, who
from delivery.dmarc.tallying import Tally
from delivery.domain_records import Key, Note, policies, policy, reports_to
from delivery.models import DmarcReport, DmarcSource, Route, SendingDomain

DAYS = 30
SHOWN = 20  # sources
RECEIVERS = 8
UNREAD = 3
FIGURES = ("messages", "passed", "spf", "dkim", "quarantined", "rejected")


@dataclass(frozen=True)
class Receiver:
    """By its own words, and how many reports it sent."""

    org: str
    reports: int


@dataclass(frozen=True)
class Page:
    """`count` is how many sources there are, `sources` those shown. `asked`: its DMARC record, as last seen in
    DNS, has reports sent to `address`; `policy` is what that record asks of receivers, "" where none was seen."""

    days: int
    address: str
    asked: bool
    policy: str
    reports: int
    receivers: list[Receiver]
    more_receivers: int
    newest: dt.datetime | None
    total: Tally
    sources: list[Source]
    count: int
    unread: list[DmarcReport]
    advice: list[Advice]

    @property
    def foreign_failed(self) -> int:
        return self.total.failed - self.own_failed

    @property
    def own_failed(self) -> int:
        return sum(one.tally.failed for one in self.sources if one.who == "ours")


def of(domain: SendingDomain) -> Page:
    now = timezone.now()
    since = (now - dt.timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    read = domain.dmarc_reports.filter(problem="")
    recent = read.filter(begin__gte=since)
    told = recent.aggregate(n=Count("pk"), orgs=Count("org", distinct=True), newest=Max("end"))
    by_receiver = recent.values_list("org").annotate(n=Count("pk")).order_by("-n", "org")
    total, sources, count = _sources(domain, since.date())
    first = read.aggregate(first=Min("begin"))["first"]
    record = _record(domain)
    above = Note.DMARC_ABOVE in domain.checks.get(Key.DMARC, {}).get("notes", {})
    asks = policy(record, below=above) if record else ""
    address = address_of(domain)
    return Page(
        days=DAYS,
        address=address if is_read() else "",
        asked=reports_to(record, address),
        policy=asks,
        reports=told["n"],
        receivers=[Receiver(org, n) for org, n in by_receiver[:RECEIVERS]],
        more_receivers=max(0, told["orgs"] - RECEIVERS),
        newest=told["newest"],
        total=total,
        sources=sources,
        count=count,
        unread=list(domain.dmarc_reports.exclude(problem="").filter(begin__gte=since).order_by("-begin")[:UNREAD]),
        advice=advise(sources, policy=asks or "none", days=(now - first).days if first else 0),
    )


def _sources(domain: SendingDomain, since: dt.date) -> tuple[Tally, list[Source], int]:
    """All together, each of the largest and of ours, the others as one; and how many there are."""
    rows = DmarcSource.objects.filter(sending_domain=domain, day__gte=since)
    whole = rows.aggregate(*map(Sum, FIGURES))
    total = Tally(*(int(whole[f"{name}__sum"] or 0) for name in FIGURES))
    ours = _ours(domain)
    each = rows.exclude(source="").values_list("source").annotate(*map(Sum, FIGURES), sent=Sum("messages"))
    largest = list(each.order_by("-sent", "source")[:SHOWN])
    own = list(each.filter(source__in=ours).exclude(source__in=[row[0] for row in largest])[:SHOWN])
    found = [Source(row[0], who(row[0], Tally(*row[1:-1]), ours), Tally(*row[1:-1])) for row in largest + own]
    rest = total - sum((one.tally for one in found), Tally())
    if rest.messages:
        found.append(Source("", who("", rest, ours), rest))
    return total, found, rows.exclude(source="").values("source").distinct().count()


def _ours(domain: SendingDomain) -> list[str]:
    """What the last look at DNS found of our servers, and the addresses that routes send from."""
    seen = domain.checks.get(Key.SPF, {}).get("ours")
    routes = Route.objects.filter(workspaces=domain.workspace_id, source_address__isnull=False)
    return [*(seen if isinstance(seen, list) else []), *routes.values_list("source_address", flat=True)]


def _record(domain: SendingDomain) -> str:
    seen = domain.checks.get(Key.DMARC, {}).get("found")
    held = policies([str(value) for value in seen]) if isinstance(seen, list) else []
    return held[0] if len(held) == 1 else ""
