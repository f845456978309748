"""DMARC reports come in by mail and by hand, are counted once, and change nothing but what their page shows."""

from __future__ import annotations

import datetime as dt
import html
import re
import tracemalloc
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Workspace
from delivery import domains
from delivery.bounces.taking import take
from delivery.dmarc import page, storing
from delivery.models import DmarcReport, DmarcSource, IncomingReport, Inlet, ListenerSeen, SendingDomain
from tests.delivery.dmarc.mails import MICROSOFT, YAHOO, bomb, gzipped, mail, petabytes, report, zipped
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db

OURS, FORGER, OFFICE = "192.0.2.10", "203.0.113.66", "2001:db8::25"
NEWS = "news.example.com"
TO = "dmarc@bounce.news.example.com"
Kind, Result = IncomingReport.Kind, IncomingReport.Result


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def made(workspace: Workspace, name: str) -> SendingDomain:
    domain = domains.add(workspace, name, actor=None)
    domain.checks = {"spf": {"ours": [OURS]}, "dmarc": {"found": ["v=DMARC1; p=none"]}}
    domain.verified_at = timezone.now()
    domain.save()
    return domain


@pytest.fixture
def domain(workspace: Workspace) -> SendingDomain:
    return made(workspace, NEWS)


@pytest.fixture
def admin(client: Client, workspace: Workspace) -> Client:
    person = make_member(workspace, Role.ADMIN)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def came(raw: bytes, rcpt: str = TO, source: str = "") -> IncomingReport:
    return IncomingReport.objects.get(pk=take(raw, inlet=Inlet.LISTENER, rcpt=rcpt, source=source).report)


def shown(client: Client, domain: SendingDomain) -> str:
    answer = client.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.partition('id="dmarc"')[2])).split())


GOOGLE_ROWS = [
    (OURS, 1200, "pass", "pass", "none", NEWS),
    (OURS, 4, "pass", "fail", "none", NEWS),
    (FORGER, 30, "fail", "fail", "none", NEWS),
]
MICROSOFT_ROWS = [
    (OURS, 300, "pass", "pass", "none", NEWS),
    (OFFICE, 8, "fail", "pass", "none", NEWS),
    (FORGER, 5, "fail", "fail", "quarantine", NEWS),
]
YAHOO_ROWS = [(FORGER, 2, "fail", "fail", "reject", NEWS)]


def test_the_figures_of_the_page_are_those_of_the_reports(domain: SendingDomain, admin: Client) -> None:
    google = mail(zipped(report(GOOGLE_ROWS)))
    microsoft = report(MICROSOFT_ROWS, form=MICROSOFT, org="Outlook.com", report_id="a-1", days_ago=2)
    yahoo = report(YAHOO_ROWS, form=YAHOO, org="Yahoo", report_id="171.1")
    rows = [
        came(google),
        came(mail(gzipped(microsoft), type_="application/gzip", name="a.xml.gz")),
        came(mail(yahoo, type_="text/xml", name="a.xml")),
    ]
    assert {(row.kind, row.result, *row.deeds) for row in rows} == {(Kind.DMARC, Result.DONE, "tallied")}
    again = came(mail(zipped(report(GOOGLE_ROWS)), subject="once more"))
    assert (again.kind, again.result) == (Kind.DMARC, Result.REPEATED)
    found = page.of(domain)
    total = found.total
    assert (total.messages, total.passed, total.dkim, total.spf) == (1549, 1512, 1504, 1508)
    assert (total.quarantined, total.rejected, found.reports, found.count) == (5, 2, 3, 3)
    assert [(one.address, one.who, one.tally.messages, one.tally.passed) for one in found.sources] == [
        (OURS, "ours", 1504, 1504), (FORGER, "unknown", 37, 0), (OFFICE, "allowed", 8, 8),
    ]  # fmt: skip
    said = shown(admin, domain)
    for words in ("1,512 of 1,549 messages", "5 to spam, 2 refused", "37 messages from elsewhere failed", "Your server",
                  "let in 30 · spam 5 · refused 2", "As reported by Outlook.com (1), Yahoo (1), google.com (1).",
                  "What is yours passes so far"):  # fmt: skip
        assert words in said, (words, said)


def test_a_report_counts_for_the_domain_in_from_and_for_nobody_elses(workspace: Workspace) -> None:
    theirs = made(make_workspace("Other"), "theirs.example.net")
    parent, below = made(workspace, "example.com"), made(workspace, NEWS)
    unproved = domains.add(workspace, "unproved.example.com", actor=None)
    rows = [
        (OURS, 1, "pass", "pass", "none", NEWS),
        (OURS, 2, "pass", "pass", "none", "example.com"),
        (OURS, 4, "pass", "pass", "none", "shop.example.com"),
        (OURS, 8, "pass", "pass", "none", ""),
        (OURS, 16, "pass", "pass", "none", "example.org"),
        (OURS, 32, "pass", "pass", "none", "unproved.example.com"),
    ]
    came(mail(report(rows, domain="example.com"), type_="application/xml", name="r"))
    counted = [page.of(one).total.messages for one in (parent, below, theirs, unproved)]
    assert counted == [2 + 4 + 8 + 32, 1, 0, 0]


def test_what_is_about_none_of_our_domains_is_the_mail_of_a_stranger(domain: SendingDomain) -> None:
    row = came(mail(zipped(report([], domain="example.org"))))
    assert (row.kind, row.result) == (Kind.OTHER, Result.NO_TOKEN)
    row = came(mail(zipped(report(GOOGLE_ROWS, days_ago=500))))
    assert row.kind == Kind.OTHER and not DmarcReport.objects.exists()


def test_a_bomb_is_kept_as_too_big_and_costs_little(domain: SendingDomain, admin: Client) -> None:
    raw = mail(bomb())
    tracemalloc.start()
    row = came(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (row.kind, row.result) == (Kind.DMARC, Result.UNREADABLE)
    assert peak < 40_000_000, f"{peak} octets for a mail of {len(raw)}"
    assert DmarcReport.objects.get().problem == DmarcReport.Problem.TOO_BIG
    assert "It is too big to read." in shown(admin, domain)
    assert not DmarcSource.objects.exists()


def test_a_damaged_report_is_told_where_it_says_that_it_is_one(domain: SendingDomain) -> None:
    assert came(mail(b"PK\x03\x04 no zip")).result == Result.UNREADABLE
    named = "receiver.example!news.example.com!1!2.zip"
    assert came(mail(b"PK\x03\x04 no", name=named, subject="x"), rcpt="").result == Result.UNREADABLE
    assert [one.problem for one in DmarcReport.objects.all()] == [DmarcReport.Problem.BROKEN] * 2
    photos = came(mail(b"PK\x03\x04 no zip", name="photos.zip", subject="Our photos"), rcpt="postmaster@example.com")
    assert (photos.kind, photos.result) == (Kind.OTHER, Result.NO_TOKEN)


def test_floods_of_reports_and_sources_are_bounded(domain: SendingDomain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "REPORTS_OF_ONE", 3)
    monkeypatch.setattr(storing, "SOURCES_A_DAY", 5)
    for number in range(5):
        rows = [(f"198.51.{number}.{n}", n + 1, "fail", "fail", "none", NEWS) for n in range(4)]
        came(mail(report(rows, report_id=str(number)), type_="text/xml", name="r.xml"))
    found = page.of(domain)
    assert (found.reports, found.total.messages, found.count) == (3, 30, 5)
    assert (found.sources[0].who, found.sources[-1].who, DmarcSource.objects.count()) == ("unknown", "rest", 6)
    DmarcSource.objects.update(day=timezone.now().date() - dt.timedelta(days=401))
    assert storing.forget() == 6


def test_no_stranger_takes_the_room_of_who_reported_before(
    domain: SendingDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for 8 a day, 2 of one network. The stranger calls itself what it likes, and each time another thing."""
    monkeypatch.setattr(storing, "REPORTS_A_DAY", 8)
    monkeypatch.setattr(storing, "REPORTS_OF_ONE", 2)

    def sent(source: str, org: str, days_ago: float = 1) -> list[str]:
        xml = report(GOOGLE_ROWS, org=org, report_id=f"{org} {days_ago}", days_ago=days_ago)
        return came(mail(xml, type_="text/xml", name="r.xml"), source=source).deeds

    assert sent("2001:db8:1::7", "Known", days_ago=2)
    DmarcReport.objects.update(received_at=timezone.now() - dt.timedelta(days=1))
    flood = [bool(sent(f"203.0.{n // 4}.{n}", f"Known {n}")) for n in range(16)]
    assert flood == [True, True, False, False] * 2 + [False] * 8
    assert sent("2001:db8:1:ffff::8", "Known")
    assert not sent("2001:db8:2::8", "Somebody new")
    assert came(mail(b"PK\x03\x04 no zip"), source="203.0.9.9").result == Result.UNREADABLE
    assert DmarcReport.objects.filter(problem="").count() == 6


def test_forty_kilobytes_of_petabytes_are_never_unpacked(domain: SendingDomain, admin: Client) -> None:
    packed = petabytes()
    assert len(packed) < 42_000
    tracemalloc.start()
    assert came(mail(packed)).result == Result.UNREADABLE
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert "It is damaged, or no DMARC report." in shown(admin, domain)


SCRIPT = "<script>alert(1)</script>"


def test_a_report_is_added_by_hand_once_and_its_words_are_text(domain: SendingDomain, admin: Client) -> None:
    def added(data: bytes) -> str:
        file = SimpleUploadedFile("r.zip", data)
        answer: Any = admin.post(reverse("delivery:domain_dmarc", args=[domain.pk]), {"file": file}, follow=True)
        assert SCRIPT not in answer.content.decode()
        return html.unescape(answer.content.decode())

    xml = report(GOOGLE_ROWS, org="&lt;script>alert(1)&lt;/script>")
    assert f"The report of {SCRIPT} was added: 1,234 messages." in added(zipped(xml))
    assert "is known already" in added(gzipped(xml))
    assert "is about example.org" in added(report([], domain="example.org"))
    assert "damaged, or no DMARC report" in added(b"hello")
    assert "too big to read" in added(b"<" + b" " * 20_100_000)
    assert "damaged, or no DMARC report" in added(petabytes())
    admin.handler.enforce_csrf_checks = True  # the view checks the token itself, once the file is bounded
    file = SimpleUploadedFile("r.xml", report(GOOGLE_ROWS, report_id="forged"))
    assert admin.post(reverse("delivery:domain_dmarc", args=[domain.pk]), {"file": file}).status_code == 403
    assert page.of(domain).total.messages == 1234


def test_the_empty_page_says_how_to_get_reports(domain: SendingDomain, admin: Client) -> None:
    assert "Nothing takes them in here yet" in shown(admin, domain)
    assert domains.records(domain)[3].value == "v=DMARC1; p=none"
    ListenerSeen.objects.create(name="mx:25", seen_at=timezone.now())
    assert "put this into your DMARC record: rua=mailto:" in shown(admin, domain)
    assert domains.records(domain)[3].value == f"v=DMARC1; p=none; rua=mailto:{TO}"
    domain.checks["dmarc"]["found"] = [f"v=DMARC1; p=none; rua=mailto:a@example.com,mailto:{TO}!10m"]
    domain.save()
    assert f"asks for them at {TO}" in shown(admin, domain)
