"""Adds up what one report says, by sending domain and source. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, dataclass

from delivery.dmarc.report import Report, Row

MOST_SOURCES = 500  # of one report and domain; the smallest beyond go into one
MOST_COUNTED = 10**9  # messages of one row: more is a lie, and must not break sums


@dataclass(frozen=True, slots=True)
class Tally:
    """Messages. Those that passed did by SPF, by DKIM, or by both."""

    messages: int = 0
    passed: int = 0
    spf: int = 0
    dkim: int = 0
    quarantined: int = 0
    rejected: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def failed(self) -> int:
        return self.messages - self.passed

    @property
    def kept_out(self) -> int:
        return self.quarantined + self.rejected


def domain_of(row: Row, policy_domain: str, known: Collection[str]) -> str:
    """Which of the known domains the row is about; "" for none. A subdomain that is none of them counts for the domain
    whose record holds for it."""
    if row.header_from in known:
        return row.header_from
    below = not row.header_from or row.header_from.endswith("." + policy_domain)
    return policy_domain if below and policy_domain in known else ""


def names(report: Report) -> set[str]:
    """The domains that it may be about."""
    return {report.policy.domain, *(row.header_from for row in report.rows)}


def tally(report: Report, known: Collection[str]) -> dict[str, dict[str, Tally]]:
    """By domain and source. A known domain without a row is there, with nothing."""
    found: dict[str, dict[str, Tally]] = {report.policy.domain: {}} if report.policy.domain in known else {}
    for row in report.rows:
        domain = domain_of(row, report.policy.domain, known)
        if domain:
            sources = found.setdefault(domain, {})
            sources[row.source_ip] = sources.get(row.source_ip, Tally()) + _of(row)
    return {domain: largest(sources, MOST_SOURCES) for domain, sources in found.items()}


def largest(sources: dict[str, Tally], most: int) -> dict[str, Tally]:
    """As many sources; the others together under ""."""
    ordered = sorted(sources.items(), key=lambda one: -one[1].messages)
    rest = sum((one for _, one in ordered[most:]), Tally())
    return dict(ordered[:most]) | ({"": rest} if rest.messages else {})


def _of(row: Row) -> Tally:
    n = min(row.count, MOST_COUNTED)
    return Tally(
        messages=n,
        passed=n * (row.spf or row.dkim),
        spf=n * row.spf,
        dkim=n * row.dkim,
        quarantined=n * (row.disposition == "quarantine"),
        rejected=n * (row.disposition == "reject"),
    )
