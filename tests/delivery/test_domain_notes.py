"""Records whose words are right and that do not work: told on the domain's page, with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from delivery import domain_checks, domains
from delivery.dmarc import page
from delivery.domain_records import Key, Note, Status
from delivery.models import SendingDomain
from tests.factories import make_member, make_workspace
from tests.servers.dns import Dns
from tests.servers.fixtures import *  # noqa: F403

pytestmark = pytest.mark.django_db
SPF = "v=spf1 a:mail.example.com"


@pytest.fixture
def domain(dns_server: Dns, settings: Any) -> SendingDomain:
    """All its records are right."""
    settings.DNS_RESOLVER, settings.SMTP_HOSTNAME = dns_server.address, "mail.example.com"
    made = domains.add(make_workspace(), "news.example.com", actor=None)
    dns_server.set("mail.example.com", {"A": ["198.41.0.4"]})
    for record in domains.records(made):
        dns_server.add(record.host, record.type, record.value)
    return made


def spf(dns_server: Dns, value: str) -> None:
    dns_server.set("bounce.news.example.com", {"MX": ["10 mail.example.com"], "TXT": [value]})


def noted(domain: SendingDomain, key: Key) -> tuple[str, dict[str, str]]:
    domain_checks.check(domain)
    (row,) = [row for row in domains.rows(domain) if row.record.key is key]
    return row.status, row.notes


def includes(dns_server: Dns, number: int) -> str:
    for n in range(number):
        dns_server.set(f"s{n}.example.org", {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]})
    return " ".join(f"include:s{n}.example.org" for n in range(number))


def test_ten_look_ups_are_read_and_eleven_are_not(domain: SendingDomain, dns_server: Dns) -> None:
    spf(dns_server, f"{SPF} {includes(dns_server, 9)} ~all")
    assert noted(domain, Key.SPF) == (Status.OK, {})
    assert domain.verified_at
    spf(dns_server, f"{SPF} {includes(dns_server, 10)} ~all")
    assert noted(domain, Key.SPF) == (Status.DIFFERENT, {Note.SPF_LOOKUPS: "10"})


def test_look_ups_within_includes_count_and_loops_end(domain: SendingDomain, dns_server: Dns) -> None:
    dns_server.set("loop.example.org", {"TXT": ["v=spf1 include:loop.example.org -all"]})
    spf(dns_server, f"{SPF} include:loop.example.org ~all")
    assert noted(domain, Key.SPF) == (Status.DIFFERENT, {Note.SPF_LOOKUPS: "10"})
    dns_server.set("far.example.org", {"TXT": [f"v=spf1 {includes(dns_server, 4)} redirect=s0.example.org"]})
    spf(dns_server, f"{SPF} include:far.example.org mx ip4:192.0.2.0/24 ~all include:never.read.example")
    assert noted(domain, Key.SPF) == (Status.OK, {})


def test_names_that_lead_nowhere_are_counted(domain: SendingDomain, dns_server: Dns) -> None:
    spf(dns_server, f"{SPF} a:x.example.org a:y.example.org ~all")
    assert noted(domain, Key.SPF) == (Status.OK, {})
    spf(dns_server, f"{SPF} a:x.example.org mx:y.example.org exists:z.example.org ~all")
    assert noted(domain, Key.SPF) == (Status.DIFFERENT, {Note.SPF_VOID: "3"})


def test_an_include_without_a_record_breaks_the_whole(domain: SendingDomain, dns_server: Dns) -> None:
    dns_server.set("old.example.org", {"TXT": ["nothing of SPF"]})
    spf(dns_server, f"{SPF} include:old.example.org ~all")
    assert noted(domain, Key.SPF) == (Status.DIFFERENT, {Note.SPF_BROKEN: "old.example.org"})


def test_a_domain_that_has_no_mail_is_not_verified(domain: SendingDomain, dns_server: Dns) -> None:
    """RFC 7505, 4.2: mail from it is refused with 550 5.7.27."""
    dns_server.add("news.example.com", "MX", "0 .")
    assert noted(domain, Key.RETURN_PATH) == (Status.DIFFERENT, {Note.NULL_MX: "news.example.com"})
    assert domain.verified_at is None
    dns_server.set("news.example.com", {"MX": ["10 mail.example.com"]})
    assert noted(domain, Key.RETURN_PATH) == (Status.OK, {})
    assert domain.verified_at


def test_old_tags_of_dmarc_are_told_and_do_no_harm(domain: SendingDomain, dns_server: Dns) -> None:
    dns_server.set("_dmarc.news.example.com", {"TXT": ["v=DMARC1; p=none; pct=50; ri=3600"]})
    assert noted(domain, Key.DMARC) == (Status.OK, {Note.DMARC_REMOVED: "pct, ri"})
    assert domain.verified_at


@pytest.mark.parametrize(
    ("tags", "asked"), [("p=reject; sp=none", "none"), ("p=none; sp=reject", "reject"), ("p=quarantine", "quarantine")]
)
def test_under_a_parents_dmarc_record_its_sp_holds(
    tags: str, asked: str, domain: SendingDomain, dns_server: Dns
) -> None:
    dns_server.set("_dmarc.news.example.com", {"TXT": []})
    dns_server.set("_dmarc.example.com", {"TXT": [f"v=DMARC1; {tags}"]})
    assert noted(domain, Key.DMARC) == (Status.OK, {Note.DMARC_ABOVE: "example.com"})
    assert page.of(domain).policy == asked
    assert domain.verified_at


@pytest.mark.parametrize(("language", "words"), [("en", "Take out what you no longer send with"), ("ja", "include")])
def test_the_page_says_what_to_do(
    language: str, words: str, domain: SendingDomain, dns_server: Dns, client: Client
) -> None:
    spf(dns_server, f"{SPF} {includes(dns_server, 10)} ~all")
    domain_checks.check(domain)
    person = make_member(domain.workspace, Role.ADMIN, language=language)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert words in client.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
