"""A DKIM key is renewed without a gap: dkimpy verifies mail signed before and after, at each step."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dkim
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from delivery import dkim_keys, domain_checks, domains
from delivery.domain_records import Key
from delivery.models import DkimKey, SendingDomain
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
from tests.delivery.queue.world import World
from tests.factories import make_member
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def here(smtp_server: Receiver, dns_server: Dns, settings: Any) -> World:
    settings.DNS_RESOLVER = dns_server.address
    made = world.make(smtp_server, signed=True)
    publish(made.from_address.sending_domain, dns_server, Key.DKIM)
    domain_checks.check(made.from_address.sending_domain)
    return made


def publish(domain: SendingDomain, dns_server: Dns, which: Key) -> str:
    """One record into the DNS; its host."""
    (record,) = [record for record in domains.records(domain) if record.key is which]
    dns_server.set(record.host, {"TXT": [record.value]})
    return record.host


def verified(raw: bytes, dns_server: Dns) -> bool:
    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        records = dns_server.zone.get(name.decode().rstrip("."), {})
        return records["TXT"][0].encode() if isinstance(records, dict) and "TXT" in records else None

    return bool(dkim.verify(raw, dnsfunc=txt))


def test_a_new_key_signs_once_its_record_is_seen_and_the_old_record_stays(
    here: World, smtp_server: Receiver, dns_server: Dns, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain, sent = here.from_address.sending_domain, []

    def send() -> str:
        """The selector that a new person's mail is signed with; all mail so far verifies."""
        here.people([f"p{len(sent)}@example.net"])
        send_thread.close()
        world.run(send_thread, world.ended(here.mailing()))
        sent[:] = [message.data for message in smtp_server.messages()]
        assert all(verified(raw, dns_server) for raw in sent)
        return sent[-1].split(b" s=")[1].split(b";")[0].decode()

    first = dkim_keys.current(domain)
    assert first is not None
    assert first.published_at
    assert send() == first.selector

    assert domains.renew_key(domain, actor=None)
    assert not domains.renew_key(domain, actor=None), "one at a time"
    domain_checks.check(domain)
    assert send() == first.selector, "its record is not there yet"

    publish(domain, dns_server, Key.DKIM_NEXT)
    assert send() == first.selector, "nobody has looked"
    domain_checks.check(domain)
    second = dkim_keys.current(domain)
    assert second is not None
    assert send() == second.selector != first.selector
    assert domain.checks[Key.DKIM]["status"] == domain.checks[Key.DKIM_FORMER]["status"] == "ok"

    monkeypatch.setattr(timezone, "now", lambda now=timezone.now: now() + dkim_keys.KEPT + dt.timedelta(hours=1))
    domain_checks.check_due()
    assert Key.DKIM_FORMER not in {record.key for record in domains.records(domain)}
    dns_server.set(first.host, "NXDOMAIN")
    sent.clear()
    assert verified(smtp_server.messages()[-1].data, dns_server)


def test_a_new_key_that_is_published_wrongly_does_not_sign(here: World, dns_server: Dns) -> None:
    domain = here.from_address.sending_domain
    domains.renew_key(domain, actor=None)
    (record,) = [record for record in domains.records(domain) if record.key is Key.DKIM_NEXT]
    for answer in ({"TXT": [record.value[:-20]]}, "SERVFAIL", {"TXT": [record.value, "v=DKIM1; p="]}):
        dns_server.set(record.host, answer)  # type: ignore[arg-type]
        domain_checks.check(domain)
        assert dkim_keys.waiting(domain)
    assert domain.verified_at, "the old key goes on"


def test_a_new_key_is_looked_for_every_minute(here: World) -> None:
    domain = here.from_address.sending_domain
    SendingDomain.objects.update(created_at=timezone.now() - dt.timedelta(days=9))
    soon = timezone.now() + dt.timedelta(minutes=2)
    assert domain_checks.due(soon) == []
    domains.renew_key(domain, actor=None)
    assert domain_checks.due(soon) == [domain]
    assert domain_checks.due(soon + domain_checks.WATCHED_FOR) == []


def test_the_page_says_what_to_publish_and_what_to_keep(here: World, dns_server: Dns, client: Client) -> None:
    domain = here.from_address.sending_domain
    person = make_member(here.workspace, Role.ADMIN)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    url = reverse("delivery:domain", args=[domain.pk])
    assert "New signing key" in client.get(url).content.decode()
    client.post(reverse("delivery:domain_key", args=[domain.pk]))
    shown = client.get(url).content.decode()
    assert "mail is signed with the old key" in shown
    assert "New signing key" not in shown
    publish(domain, dns_server, Key.DKIM_NEXT)
    domain_checks.check(domain)
    shown = client.get(url).content.decode()
    assert "until" in shown
    assert "may still be on its way" in shown
    assert {key.host in shown for key in DkimKey.objects.all()} == {True}
