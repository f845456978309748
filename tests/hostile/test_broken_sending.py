"""Routes and domains that are set up wrongly, or break: nobody is failed for it, and the pages say what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import trustme
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import fields
from accounts.models import User
from campaigns.models import Campaign
from delivery import dkim, domain_checks, domains
from delivery.models import Bucket, FromAddress, Mailing, Message, Route, SendingDomain
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.factories import make_member
from tests.hostile.conftest import client_of
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver


@pytest.fixture
def send_thread() -> Iterator[SendThread]:
    thread = SendThread()
    yield thread
    thread.close()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def blocked_port() -> Iterator[int]:
    """One that says nothing at all, as behind a firewall: a listener whose queue is full drops who comes after."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def route_of(**columns: Any) -> Route:
    made = Route(name="Office", kind=Route.Kind.SMARTHOST, host="127.0.0.1", **columns)
    if made.username:
        fields.seal(made, "password_sealed", "wrong")
    made.save()
    return made


@pytest.mark.django_db
def test_test_this_route_says_what_is_wrong_in_both_languages(
    owner: User,
    browser: Client,
    japanese: Client,
    receivers: StartReceiver,
    server_cert: str,
    ca: trustme.CA,
    tmp_path: Any,
) -> None:
    authority = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(authority)
    server = receivers(tls="starttls", cert=server_cert, users={"shirase": "right"})
    User.objects.update(is_install_admin=True)
    wrong = {
        "password": (route_of(port=server.port, username="shirase", ca_file=str(authority)), "password", "パスワード"),
        "certificate": ({"port": server.port}, "certificate", "証明書"),
        "closed": ({"port": closed_port()}, "is closed on it", "閉じて"),
    }
    for kind, (route, english, native) in wrong.items():
        made = route if isinstance(route, Route) else route_of(**route)
        for client, words in ((browser, english), (japanese, native)):
            page = client.post(reverse("delivery:route_test", args=[made.pk])).content.decode()
            assert words in page, (kind, page)
        assert not Route.objects.filter(paused_at__isnull=False).exists()
        made.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["certificate", "closed", "blocked"])
def test_a_send_over_a_broken_route_fails_nobody_and_the_page_says_so(
    kind: str, receivers: StartReceiver, server_cert: str, send_thread: SendThread, blocked_port: int, settings: Any
) -> None:
    here = world.make()
    here.people(f"p{number}@example.net" for number in range(4))
    here.route.port = blocked_port if kind == "blocked" else closed_port()
    if kind == "blocked":
        settings.TIME_SCALE = 0.05
    if kind == "certificate":  # of an authority that nobody knows
        here.route.port = receivers(tls="starttls", cert=server_cert).port
        here.route.security = Route.Security.STARTTLS
    here.route.save()
    mailing = here.mailing()
    told = Campaign.objects.create(
        workspace=here.workspace, name="Autumn", mailing=mailing, state=Campaign.State.SCHEDULED
    )

    def stands() -> bool:
        closed = Bucket.objects.filter(closed_until__gt=timezone.now()).exists()
        return closed or Route.objects.filter(paused_at__isnull=False).exists()

    world.run(send_thread, stands)
    send_thread.close()
    assert set(Message.objects.values_list("state", "attempts")) == {(0, 0)}
    person = make_member(here.workspace)
    live = reverse("analytics:report", args=[told.pk])
    for language, words in (("en", ("does not answer", "certificate")), ("ja", ("応答", "証明書"))):
        page = client_of(person, language).get(live).content.decode()
        assert words[kind == "certificate"] in page, page


@pytest.fixture
def verified(settings: Any, draft: Campaign, dns_server: Dns) -> SendingDomain:
    """A live domain whose key stands in the DNS, in the draft's From."""
    settings.DNS_RESOLVER, settings.TRACKING_URL = dns_server.address, "https://mail.minori.example"
    domain = domains.add(draft.workspace, "news.minori.example", actor=None)
    sender = FromAddress.objects.create(workspace=draft.workspace, sending_domain=domain, local_part="a", name="Minori")
    route_of(port=25).workspaces.add(draft.workspace)
    Campaign.objects.filter(pk=draft.pk).update(from_address=sender)
    for record in domains.records(domain):
        dns_server.set(record.host, {record.type: [record.value]})
    key = domain.dkim_keys.get()
    dns_server.set(key.host, {"TXT": [dkim.dns_record(key.public)]})
    SendingDomain.objects.filter(pk=domain.pk).update(verified_at=timezone.now(), live_at=timezone.now())
    domain_checks.check(domain)
    assert domain.checks["dkim"]["status"] == "ok"
    return domain


@pytest.mark.django_db
@pytest.mark.parametrize("live", [True, False])
def test_a_domain_whose_key_disappears_stops_the_send_and_stands_on_the_overview(
    live: bool, verified: SendingDomain, draft: Campaign, dns_server: Dns, owner: User, japanese: Client
) -> None:
    browser = client_of(owner)
    dns_server.set(verified.dkim_keys.get().host, "NXDOMAIN")
    if not live:
        SendingDomain.objects.filter(pk=verified.pk).update(live_at=None)
    domain_checks.check(verified)
    for client, at_checks, on_overview in (
        (
            browser,
            "The DKIM record of news.minori.example was not found",
            "The DKIM record of news.minori.example is wrong",
        ),
        (japanese, "DKIM", "DKIM"),
    ):
        overview = client.get("/").content.decode()
        assert on_overview in overview and "news.minori.example" in overview
        if live:
            assert at_checks in client.get(reverse("campaigns:send", args=[draft.pk])).content.decode()
    browser.post(reverse("campaigns:schedule", args=[draft.pk]), {"when": "now"})
    assert not Mailing.objects.exists()
    assert "DKIM" in browser.get(reverse("delivery:domain", args=[verified.pk])).content.decode()


@pytest.mark.django_db
def test_a_dns_that_does_not_answer_is_no_missing_key(
    verified: SendingDomain, dns_server: Dns, browser: Client
) -> None:
    dns_server.set(verified.dkim_keys.get().host, "SERVFAIL")
    domain_checks.check(verified)
    assert verified.checks["dkim"]["status"] not in ("missing", "different")
    assert "is wrong" not in browser.get("/").content.decode()
