"""Keeps what DMARC reports say, once each: added up by domain, day and source, so that a page costs the same however
many came. It is input of strangers: so many reports and sources a day, and nothing else is changed by it."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from delivery.dmarc.attached import Found
from delivery.dmarc.report import Report
from delivery.dmarc.tallying import Tally, largest, names, tally
from delivery.models import DmarcReport, DmarcSource, IncomingReport, Inlet, SendingDomain
from delivery.smtp.replies import clean

KEPT = dt.timedelta(days=400)
AHEAD = dt.timedelta(days=1)  # that a receiver's clock may be fast
REPORTS_A_DAY = 500  # of one domain; half of them for those who reported on it before
REPORTS_OF_ONE = 100  # reporter, of these
KNOWN = dt.timedelta(days=14)  # for how long a reporter is, from half a day after its first report
SOURCES_A_DAY = 500  # of one domain, over all its reports; the rest is one
SLICE = 5_000

_ADD = """
INSERT INTO delivery_dmarcsource AS s
    (sending_domain_id, day, source, messages, passed, spf, dkim, quarantined, rejected)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (sending_domain_id, day, source) DO UPDATE SET
    messages = s.messages + excluded.messages, passed = s.passed + excluded.passed, spf = s.spf + excluded.spf,
    dkim = s.dkim + excluded.dkim, quarantined = s.quarantined + excluded.quarantined,
    rejected = s.rejected + excluded.rejected
"""


def settle(row: IncomingReport, found: Found) -> None:
    """A mail that brought a report: what became of it is put into the row, which the caller saves. One that is about
    none of our domains is left as the mail of a stranger."""
    if found.report is None:
        row.kind, row.result = IncomingReport.Kind.DMARC, IncomingReport.Result.UNREADABLE
        for domain in _meant(row.rcpt, found.domain):
            _keep_unread(domain, found, _network(row))
        return
    new = store(found.report, _domains(found.report), _network(row))
    if new is None:
        return
    row.kind = IncomingReport.Kind.DMARC
    row.result = IncomingReport.Result.DONE if new else IncomingReport.Result.REPEATED
    row.deeds = [IncomingReport.Deed.TALLIED] if new else []


def is_about_us(found: Found | None) -> bool:
    """Whether a mail in somebody's mailbox brought a report on one of our domains."""
    return found is not None and found.report is not None and _domains(found.report).exists()


def _domains(report: Report) -> QuerySet[SendingDomain]:
    return SendingDomain.objects.filter(sandbox=False, verified_at__isnull=False, name__in=names(report))


@transaction.atomic
def store(report: Report, domains: Iterable[SendingDomain], network: str = "") -> int | None:
    """For how many of these domains it is new; 0 for a replay, or where a domain or this reporter has had its most of a
    day. None if it is about none of them, or about a time long ago or to come. `network`: where it came from."""
    now = timezone.now()
    if not now - KEPT < report.begin < now + AHEAD:
        return None
    by_name = {domain.name: domain for domain in domains}
    tallied = tally(report, by_name)
    if not tallied:
        return None
    return sum(_keep(by_name[name], report, tallied[name], network) for name in sorted(tallied))


def upload(domain: SendingDomain, found: Found) -> int | None:
    """A file chosen by hand on the domain's page, as `store`."""
    return store(found.report, [domain]) if found.report else None


def _keep(domain: SendingDomain, report: Report, sources: dict[str, Tally], network: str) -> bool:
    org = clean(report.org)[:100]
    if not _has_room(domain, report.begin.date(), network or org):
        return False
    _, new = domain.dmarc_reports.get_or_create(
        org=org,
        report_id=_short(report.report_id),
        defaults={
            "reporter": network or org,
            "begin": report.begin,
            "end": max(report.begin, report.end),
            "messages": sum(one.messages for one in sources.values()),
        },
    )
    if new and sources:
        _add(domain, report.begin.date(), sources)
    return new


def _has_room(domain: SendingDomain, day: dt.date, reporter: str) -> bool:
    """Whoever keeps a report of the same domain waits here, so that the most is the most. One reporter cannot take the
    room of others, nor can many new ones take that of the known."""
    SendingDomain.objects.select_for_update(no_key=True).get(pk=domain.pk)
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    that_day = domain.dmarc_reports.filter(begin__gte=start, begin__lt=start + dt.timedelta(days=1))
    there = Counter(that_day.values_list("reporter", flat=True))
    if there.total() >= REPORTS_A_DAY or there[reporter] >= REPORTS_OF_ONE:
        return False
    lately = domain.dmarc_reports.filter(begin__gte=start - KNOWN, begin__lt=start, reporter=reporter, problem="")
    known = lately.filter(received_at__lt=timezone.now() - dt.timedelta(hours=12))
    return there.total() < REPORTS_A_DAY // 2 or known.exists()


def _network(row: IncomingReport) -> str:
    """Of who sent it to the listener: a /24, or a /48 of IPv6; "" where a mailbox lies between."""
    if row.inlet != Inlet.LISTENER:
        return ""
    try:
        peer = ipaddress.ip_address(row.source.partition("%")[0])
    except ValueError:
        return ""
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return str(ipaddress.ip_network((peer, 24 if peer.version == 4 else 48), strict=False))


def _add(domain: SendingDomain, day: dt.date, sources: dict[str, Tally]) -> None:
    there = set(
        DmarcSource.objects.filter(sending_domain=domain, day=day).exclude(source="").values_list("source", flat=True)
    )
    old = {source: one for source, one in sources.items() if source in there}
    new = {source: one for source, one in sources.items() if source not in there and source}
    kept = largest(new, max(0, SOURCES_A_DAY - len(there)))
    rest = kept.pop("", Tally()) + sources.get("", Tally())
    rows = old | kept | ({"": rest} if rest.messages else {})
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [[domain.pk, day, source, *astuple(one)] for source, one in rows.items()])


def _keep_unread(domain: SendingDomain, found: Found, network: str) -> None:
    now = timezone.now()
    problem = DmarcReport.Problem.TOO_BIG if found.too_big else DmarcReport.Problem.BROKEN
    if _has_room(domain, now.date(), network):
        seen = {"begin": now, "end": now, "problem": problem, "reporter": network}
        domain.dmarc_reports.get_or_create(org="", report_id=found.digest, defaults=seen)


def _meant(rcpt: str, named: str) -> list[SendingDomain]:
    """The domain of a report that cannot be read: by the address that it went to, or its file's name."""
    host = rcpt.rpartition("@")[2].strip("<> ").lower()
    ours = SendingDomain.objects.filter(sandbox=False, verified_at__isnull=False)
    return list(ours.filter(Q(return_path_host=host) | Q(name=named or host))[:1])


def _short(report_id: str) -> str:
    report_id = clean(report_id)
    return report_id if len(report_id) <= 200 else hashlib.sha256(report_id.encode("utf-8", "replace")).hexdigest()


def forget() -> int:
    """A slice of what is older than we keep goes. Returns how much."""
    before, gone = timezone.now() - KEPT, 0
    for rows in (DmarcReport.objects.filter(begin__lt=before), DmarcSource.objects.filter(day__lt=before.date())):
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:SLICE])
        gone += rows.model.objects.filter(pk__in=keys).delete()[0]
    return gone
