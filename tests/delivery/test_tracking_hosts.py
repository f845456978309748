"""A sending domain's own name in links: proved over a real TLS connection, used by new mail, served, and given up."""

from __future__ import annotations

import datetime as dt
import re
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from delivery import copies, domain_checks, domains, mailings, tracking_hosts
from delivery.keyring import keyring
from delivery.models import Event, Mailing, Message, SendingDomain
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
from tests.delivery.queue.world import World
from tests.factories import make_member
from tests.servers.dns import Dns
from tests.servers.https import serving
from tests.servers.receiver import Receiver

HOST, OURS = "link.news.example.com", "mail.example.com"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_names(settings: Any, dns_server: Dns) -> None:
    """The tracking address of this install, and a CNAME that leads to it."""
    tracking_hosts._served.cache_clear()
    settings.TRACKING_URL, settings.DNS_RESOLVER = f"https://{OURS}", dns_server.address
    settings.ALLOWED_HOSTS = [OURS, "testserver"]
    dns_server.set(OURS, {"A": ["127.0.0.1"]})
    dns_server.set(HOST, {"CNAME": [OURS]})


@pytest.fixture
def here(smtp_server: Receiver) -> World:
    made = world.make(smtp_server, signed=True)
    SendingDomain.objects.update(tracking_host=HOST)
    made.from_address.sending_domain.refresh_from_db()
    return made


@pytest.fixture
def certificate(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes one for some names, of the only authority that this machine trusts."""
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def make(*names: str, by: trustme.CA = ca) -> str:
        by.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(tmp_path / "host.pem")
        return str(tmp_path / "host.pem")

    return make


@pytest.fixture
def https(certificate: Callable[..., str]) -> Iterator[int]:
    """The port of the product with a certificate for the host."""
    with serving(certificate(HOST)) as port:
        yield port


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def look(here: World, port: int) -> SendingDomain:
    domain = here.from_address.sending_domain
    domain_checks.check(domain, https_port=port)
    return domain


def sent(here: World, send_thread: SendThread) -> Message:
    """One person's message of a new campaign, delivered."""
    (person,) = here.people(["hanako@example.net"])
    mailing = here.mailing()
    mailings.start_now(mailing)
    world.run(send_thread, world.ended(mailing))
    return Message.objects.select_related("mailing").get(mailing=mailing, contact=person)


def links_of(message: Message) -> dict[str, str]:
    """Where the tracked link and the List-Unsubscribe of the copy lead, which has the octets that were sent."""
    copy = copies.copy_of(message, timezone.now())
    assert copy and copy.same
    click = re.search(r'href="([^"]*/c/[^"]*)"', copy.part("html"))
    parsed = message_from_bytes(copy.data, policy=policy.default)
    assert click
    return {"click": click[1], "unsubscribe": parsed["List-Unsubscribe"].strip("<>")}


def test_a_proved_name_stands_in_new_mail_and_its_links_work(
    here: World, https: int, send_thread: SendThread, client: Client
) -> None:
    domain = look(here, https)
    assert (domain.tracking_url, domain.checks["tracking"]["https"]) == (f"https://{HOST}", "ok")
    links = {name: urlsplit(url) for name, url in links_of(sent(here, send_thread)).items()}
    assert {url.netloc for url in links.values()} == {HOST} and {url.scheme for url in links.values()} == {"https"}

    answer = client.get(links["click"].path, headers={"Host": HOST, "User-Agent": "Firefox"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/sale")
    assert Event.objects.filter(kind="click", mailing_id=Mailing.objects.latest("pk").pk).exists()
    strict = Client(enforce_csrf_checks=True)
    one_click = strict.post(links["unsubscribe"].path, {"List-Unsubscribe": "One-Click"}, headers={"Host": HOST})
    assert one_click.status_code == 200
    assert not here.list.subscriptions.filter(state="subscribed").exists()


def test_the_proved_name_serves_readers_and_nobody_else(here: World, https: int, client: Client) -> None:
    look(here, https)
    (person,) = here.people(["hanako@example.net"])
    token = keyring().unsubscribe_token(person.pk, here.mailing().pk)
    for path in (f"/u/{token}", f"/p/{token}", f"/u/{token}/done", "/u/test"):
        page = client.get(path, headers={"Host": f"{HOST.upper()}:443"})
        assert page.status_code == 200
        parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.content.decode())
        assert len(parts) >= 3
        for part in parts:
            answer = client.get(part, headers={"Host": HOST})
            assert answer.status_code == 200 and b"".join(answer)
    make_member(here.workspace)
    for path in ("/", "/login", "/campaigns", "/settings/domains", "/api/v1/campaigns", "/healthz", "/tracking-host"):
        answer = client.get(path, headers={"Host": HOST})
        assert answer.status_code == 404, path
        assert b'href="/"' not in re.findall(rb"<main.*</main>", answer.content, re.DOTALL)[0]
        assert client.get(path, headers={"Host": OURS}).status_code != 404 or path in ("/tracking-host",)


@pytest.mark.parametrize("host", ["stranger.example", "link.news.example.com.evil.example", "127.0.0.1", "a b", ""])
def test_an_unknown_host_is_refused_as_ever(here: World, https: int, client: Client, host: str) -> None:
    look(here, https)
    for path in ("/", "/u/test", "/tracking-proof/abc"):
        assert client.get(path, HTTP_HOST=host).status_code == 400


def test_a_name_that_waits_for_its_proof_serves_only_the_proof(here: World, client: Client) -> None:
    assert client.get("/tracking-proof/abc", HTTP_HOST=HOST).status_code == 400, "no CNAME was seen"
    look(here, closed_port())
    for _ in range(2):
        assert client.get("/tracking-proof/abc", HTTP_HOST=HOST).content.decode() == keyring().host_proof(HOST, "abc")
        assert client.get("/u/test", HTTP_HOST=HOST).status_code == 400
    assert keyring().host_proof(HOST, "abc") != keyring().host_proof(HOST, "abd")


def test_a_name_that_the_administrator_allowed_can_be_proved_too(here: World, https: int, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, HOST]
    assert look(here, https).tracking_live_at


def stranger(_environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"a" * 16]


def elsewhere(_environ: Any, start: Any) -> list[bytes]:
    start("302 Found", [("Location", "https://elsewhere.example/")])
    return []


NOT_OURS: dict[str, tuple[Any, ...]] = {
    "another name": ("certificate", "other.example.com", None, False),
    "an unknown authority": ("certificate", HOST, None, True),
    "another server": ("stranger", HOST, stranger, False),
    "a redirect": ("stranger", HOST, elsewhere, False),
    "nobody": ("unreachable", None, None, False),
}
WORDS = {"certificate": "証明書", "stranger": "別の", "unreachable": "応答"}


@pytest.mark.parametrize(("why", "name", "application", "foreign"), NOT_OURS.values(), ids=NOT_OURS)
def test_a_name_that_does_not_answer_is_not_used_and_the_page_says_why(
    here: World, certificate: Callable[..., str], why: str, name: str | None, application: Any, foreign: bool
) -> None:
    if name is None:
        domain = look(here, closed_port())
    else:
        with serving(certificate(name, **({"by": trustme.CA()} if foreign else {})), application) as port:
            domain = look(here, port)
    assert (domain.checks["tracking"]["status"], domain.checks["tracking"]["https"]) == ("ok", why)
    assert domain.tracking_live_at is None and here.mailing().tracking_url == f"https://{OURS}"
    for language, word in (("en", f"https://{HOST} does not answer as it should"), ("ja", WORDS[why])):
        client = Client()
        client.force_login(make_member(here.workspace, Role.ADMIN, language=language), backend=BACKEND)
        page = client.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
        assert word in page and f"https://{OURS}" in page


def test_the_address_of_a_users_name_is_never_connected_to(here: World, dns_server: Dns) -> None:
    look(here, closed_port())
    assert (HOST, "cname") in {(name, kind.lower()) for name, kind in dns_server.asked}
    assert not {(HOST, "A"), (HOST, "AAAA")} & set(dns_server.asked)


def test_two_looks_in_vain_end_it_and_old_mail_stays_as_it_was(
    here: World, https: int, send_thread: SendThread, client: Client
) -> None:
    look(here, https)
    old = sent(here, send_thread)
    scheduled = here.mailing(start_at=timezone.now() + dt.timedelta(days=1))
    once = look(here, closed_port())
    assert once.tracking_live_at, "a proxy may restart"
    assert once in domain_checks.due(timezone.now() + dt.timedelta(minutes=1, seconds=1)), "and is asked again soon"
    twice = look(here, closed_port())
    assert twice.tracking_live_at is None and here.mailing().tracking_url == f"https://{OURS}"
    assert twice not in domain_checks.due(timezone.now() + dt.timedelta(minutes=2))
    scheduled.refresh_from_db()
    assert scheduled.tracking_url == f"https://{OURS}"
    click = urlsplit(links_of(old)["click"])
    assert click.netloc == HOST and client.get(click.path, HTTP_HOST=HOST).status_code == 302
    assert look(here, https).tracking_live_at, "it answers again"


def test_a_cname_that_is_gone_ends_it_at_once_and_a_silent_dns_changes_nothing(
    here: World, https: int, dns_server: Dns
) -> None:
    look(here, https)
    dns_server.set(HOST, "SERVFAIL")
    assert look(here, https).tracking_live_at
    dns_server.set(HOST, {"CNAME": ["elsewhere.example"]})
    domain = look(here, https)
    assert domain.tracking_live_at is None and domain.checks["tracking"]["https"] is None


def test_mail_from_before_there_were_own_names_is_rebuilt_with_the_tracking_address(
    here: World, send_thread: SendThread
) -> None:
    message = sent(here, send_thread)
    Mailing.objects.update(tracking_url="")
    message.mailing.refresh_from_db()
    assert urlsplit(links_of(message)["click"]).netloc == OURS


def test_a_proxy_learns_for_which_names_it_may_get_a_certificate(here: World, client: Client) -> None:
    def known(host: str) -> bool:
        return client.get("/tracking-host", {"domain": host}).status_code == 200

    assert not known(HOST)
    look(here, closed_port())
    assert known(HOST) and known(HOST.upper())
    assert not any(known(host) for host in ("news.example.com", OURS, "stranger.example", "", "\0"))


def test_a_domain_whose_name_the_tracking_address_has_needs_no_cname(here: World, settings: Any) -> None:
    settings.TRACKING_URL = f"https://{HOST}"
    assert "tracking" not in {record.key for record in domains.records(here.from_address.sending_domain)}
