"""MTA-STS (RFC 8461) when sending direct: a real policy host, a real server, certificates of a local authority."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.utils import timezone

from delivery.dns import Resolver
from delivery.knowledge import CAUSES
from delivery.message_page import story
from delivery.models import Attempt, Bucket, Deferral, Domain, Mailing, Message, MessageState, Route, StsPolicy
from delivery.sender import policies
from delivery.sender.thread import SendThread
from delivery.smtp.client import tls_context
from tests.delivery.queue import world
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.https import serving

pytestmark = pytest.mark.django_db(transaction=True)
MX = "mx1.example.net"
Files = dict[str, Any]


def policy(mode: str = "enforce", *mx: str, max_age: int = 86400) -> bytes:
    names = "".join(f"mx: {name}\r\n" for name in mx or (MX,))
    return f"version: STSv1\r\nmode: {mode}\r\n{names}max_age: {max_age}\r\n".encode()


@pytest.fixture(autouse=True)
def authority(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The only one that this machine trusts."""
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.fixture
def pem(ca: trustme.CA, tmp_path: Path) -> Callable[..., str]:
    """A certificate for some names: a file's path."""

    def make(*names: str, ended: bool = False, by: trustme.CA = ca) -> str:
        path = tmp_path / f"{names[0].replace('*', 'any')}.pem"
        past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        dates = {"not_before": past, "not_after": past + dt.timedelta(days=1)} if ended else {}
        by.issue_cert(*names, **dates).private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)

    return make


@pytest.fixture
def host(pem: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """The policy host of example.net: what it answers, by default an enforced policy, and how often it was asked."""
    answer: Files = {"body": policy(), "status": "200 OK", "type": "text/plain; charset=utf-8", "asked": 0, "more": []}

    def application(environ: Any, start: Any) -> Any:
        asked_for = (environ["PATH_INFO"], environ["HTTP_HOST"], environ["REQUEST_METHOD"])
        assert asked_for == ("/.well-known/mta-sts.txt", "mta-sts.example.net", "GET")
        answer["asked"] += 1
        start(answer["status"], [("Content-Type", answer["type"]), *answer["more"]])
        return [answer["body"]]

    with serving(pem("mta-sts.example.net"), application) as port:
        monkeypatch.setattr(policies, "PORT", port)
        yield answer


@pytest.fixture
def names(dns_server: Dns) -> Dns:
    """example.net has a policy and one server; example.org has the same server and no policy."""
    dns_server.set("example.net", {"MX": [f"10 {MX}"]})
    dns_server.set("example.org", {"MX": [f"10 {MX}"]})
    dns_server.set(MX, {"A": ["127.0.0.1"]})
    dns_server.set("mta-sts.example.net", {"A": ["127.0.0.1"]})
    dns_server.set("_mta-sts.example.net", {"TXT": ["v=STSv1; id=1;"]})
    return dns_server


@pytest.fixture
def start(names: Dns, settings: Any) -> Callable[..., Mailing]:
    """A campaign to some people that goes direct to the server at this port."""

    def begin(port: int, *people: str) -> Mailing:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, port
        here = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT, host="")
        here.route.refresh_from_db()
        here.people(people or ("a@example.net", "b@example.net"))
        return here.mailing()

    return begin


def waiting() -> bool:
    return Deferral.objects.filter(message__attempts=1).exists()


def deferred(server: Any, thread: SendThread, cause: str) -> Message:
    """Nobody of example.net got anything, and why is explained in both languages."""
    world.run(thread, waiting)
    message = Message.objects.filter(rcpt__endswith="@example.net", state=MessageState.DEFERRED).first()
    assert message is not None
    assert (message.cause, CAUSES[cause].scope) == (cause, "recipient_domain")
    assert not [line for line in server.ledger() if line.rcpt.endswith("@example.net")]
    return message


def delivered(server: Any, thread: SendThread, mailing: Mailing) -> None:
    world.run(thread, world.ended(mailing))
    assert sorted(line.rcpt for line in server.ledger()) == ["a@example.net", "b@example.net"]


@pytest.mark.parametrize(("named", "certified"), [(MX, MX), ("*.example.net", MX), (MX, "*.example.net")])
def test_a_server_that_the_policy_names_with_a_valid_certificate_gets_the_mail(
    named: str, certified: str, receivers: StartReceiver, pem: Any, host: Files, start: Any, send_thread: SendThread
) -> None:
    host["body"] = policy("enforce", named)
    server = receivers(tls="starttls", cert=pem(certified))
    delivered(server, send_thread, start(server.port))
    kept = StsPolicy.objects.get()
    assert (kept.domain.name, kept.policy_id, kept.mode, kept.mx) == ("example.net", "1", "enforce", named)
    assert host["asked"] == 1


def test_an_enforced_policy_wants_encryption(
    receivers: StartReceiver, host: Files, start: Any, send_thread: SendThread
) -> None:
    """And only for its own domain: others at the same server are served without."""
    server = receivers()
    start(server.port, "a@example.net", "c@example.org")
    deferred(server, send_thread, "sts_no_tls")
    world.run(send_thread, lambda: bool(server.ledger()))
    assert [line.rcpt for line in server.ledger()] == ["c@example.org"]
    assert not Bucket.objects.filter(closed_until__isnull=False).exists(), "the site stays open"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("expired", "expired"),
        ("name", "not valid for"),
        ("authority", "unable to get local issuer"),
        ("refused", "TLS not available"),
    ],
)
def test_an_enforced_policy_wants_a_valid_certificate(
    wrong: str, said: str, receivers: StartReceiver, pem: Any, host: Files, start: Any, send_thread: SendThread
) -> None:
    cert = {
        "expired": lambda: pem(MX, ended=True),
        "name": lambda: pem("mx2.example.net"),
        "authority": lambda: pem(MX, by=trustme.CA()),
        "refused": lambda: pem(MX),
    }[wrong]()
    refusing = {"starttls": "454 4.7.0 TLS not available"} if wrong == "refused" else {}
    server = receivers(tls="starttls", cert=cert, **refusing)
    start(server.port)
    message = deferred(server, send_thread, "sts_no_tls" if refusing else "sts_certificate")
    reply = Attempt.objects.get(message_id=message.pk, cause=message.cause).reply
    assert said in str(reply)
    assert "MAIL" not in server.stats()["commands"]


def test_a_server_that_the_policy_does_not_name_is_not_even_connected_to(
    receivers: StartReceiver, pem: Any, host: Files, start: Any, send_thread: SendThread
) -> None:
    host["body"] = policy("enforce", "other.example.net", "*.sub.example.net")
    server = receivers(tls="starttls", cert=pem(MX))
    start(server.port)
    deferred(server, send_thread, "sts_no_mx")
    assert server.stats()["connections"] == 0


def test_the_next_server_is_tried_when_the_first_may_not_be_used(
    receivers: StartReceiver, pem: Any, host: Files, names: Dns, start: Any, send_thread: SendThread
) -> None:
    host["body"] = policy("enforce", "*.example.net")
    names.set("example.net", {"MX": ["10 mx0.example.net", f"20 {MX}", "5 mx.evil.example"]})
    names.set("mx0.example.net", {"A": ["127.0.0.1"]})
    names.set("mx.evil.example", {"A": ["127.0.0.1"]})
    server = receivers(tls="starttls", cert=pem(MX))  # no certificate for mx0
    delivered(server, send_thread, start(server.port))


@pytest.mark.parametrize(
    ("named", "tls", "why"),
    [(MX, False, "demands TLS"), (MX, True, "demands a valid certificate"), ("x.example.net", True, "names none")],
)
def test_testing_delivers_and_says_what_it_would_have_forbidden(
    named: str, tls: bool, why: str, receivers: StartReceiver, pem: Any, host: Files, start: Any,
    send_thread: SendThread,
) -> None:  # fmt: skip
    host["body"] = policy("testing", named)
    server = receivers(**({"tls": "starttls", "cert": pem("wrong.example.net")} if tls else {}))
    delivered(server, send_thread, start(server.port))
    (tried,) = story(Message.objects.order_by("pk")[0]).tries
    remarks = [line.text for line in tried.lines if not line.who]
    assert any(remark.startswith("MTA-STS (testing): ") and why in remark for remark in remarks), remarks


def test_testing_says_nothing_where_all_is_well(
    receivers: StartReceiver, pem: Any, host: Files, start: Any, send_thread: SendThread
) -> None:
    host["body"] = policy("testing")
    server = receivers(tls="starttls", cert=pem(MX))
    delivered(server, send_thread, start(server.port))
    assert not [row for row in Attempt.objects.all() if "note" in (row.transcript or {})]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "301 Moved", "more": [("Location", "https://mta-sts.example.net/.well-known/mta-sts.txt")]},
        {"status": "404 Not Found"},
        {"body": policy() + b"x: " + b"y" * 10**6},
        {"type": "text/html"},
        {"body": b"<html>hello</html>"},
        {"body": policy("none")},
    ],
    ids=["redirect", "missing", "huge", "not text", "no policy", "none"],
)
def test_what_is_no_policy_changes_nothing(
    answer: Files, receivers: StartReceiver, host: Files, start: Any, send_thread: SendThread
) -> None:
    host |= answer
    server = receivers()
    delivered(server, send_thread, start(server.port))
    assert host["asked"] == 1
    assert set(StsPolicy.objects.values_list("mode", flat=True)) <= {"none"}


def test_a_policy_host_without_a_valid_certificate_has_no_policy(
    receivers: StartReceiver, pem: Any, start: Any, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(pem("www.example.net"), lambda *_: [policy()]) as port:
        monkeypatch.setattr(policies, "PORT", port)
        server = receivers()
        delivered(server, send_thread, start(server.port))
    assert not StsPolicy.objects.exists()


def test_a_policy_host_that_is_silent_holds_up_nobody_else(
    receivers: StartReceiver, start: Any, names: Dns, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own people wait for it, at no cost, and go without once it has had its time."""
    monkeypatch.setattr(policies, "PATIENCE", 0.2)
    monkeypatch.setattr(policies, "SECONDS", 3.0)
    monkeypatch.setattr(policies, "COME_BACK", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(policies, "PORT", silent.getsockname()[1])
        server = receivers()
        mailing = start(server.port, "a@example.net", "c@example.org")
        world.run(send_thread, lambda: bool(server.ledger()))
        assert [line.rcpt for line in server.ledger()] == ["c@example.org"]
        world.run(send_thread, world.ended(mailing))
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}


def keep(mailing: Mailing, *, policy_id: str = "1", mode: str = "enforce", hours: float = 24) -> None:
    """A policy of example.net that some worker has fetched, half of its time ago at most."""
    domain, _ = Domain.objects.get_or_create(name="example.net")
    now = timezone.now()
    StsPolicy.objects.create(
        domain=domain, policy_id=policy_id, mode=mode, mx=MX, fetched_at=now - dt.timedelta(hours=1),
        expires_at=now + dt.timedelta(hours=hours),
    )  # fmt: skip


@pytest.mark.parametrize("gone", ["host", "record", "dns"])
def test_a_kept_policy_holds_while_nothing_can_be_asked(
    gone: str, receivers: StartReceiver, start: Any, names: Dns, send_thread: SendThread
) -> None:
    names.set("mta-sts.example.net", "NXDOMAIN")
    record = {"host": {"TXT": ["v=STSv1; id=2;"]}, "record": "NXDOMAIN", "dns": "SERVFAIL"}
    names.set("_mta-sts.example.net", record[gone])
    server = receivers()
    keep(start(server.port))
    deferred(server, send_thread, "sts_no_tls")


def test_a_kept_policy_is_not_asked_for_again(
    receivers: StartReceiver, host: Files, start: Any, send_thread: SendThread
) -> None:
    server = receivers()
    keep(start(server.port))
    deferred(server, send_thread, "sts_no_tls")
    assert host["asked"] == 0


def test_a_kept_policy_that_is_over_holds_no_longer(
    receivers: StartReceiver, start: Any, names: Dns, send_thread: SendThread
) -> None:
    names.set("_mta-sts.example.net", "NXDOMAIN")
    server = receivers()
    mailing = start(server.port)
    keep(mailing, hours=-0.5)
    delivered(server, send_thread, mailing)


def test_another_id_means_another_policy(
    receivers: StartReceiver, host: Files, start: Any, names: Dns, send_thread: SendThread
) -> None:
    names.set("_mta-sts.example.net", {"TXT": ["v=STSv1; id=2;"]})
    host["body"] = policy("none")
    server = receivers()
    mailing = start(server.port)
    keep(mailing)
    delivered(server, send_thread, mailing)
    assert [(kept.policy_id, kept.mode) for kept in StsPolicy.objects.all()] == [("2", "none")]


def test_a_policy_host_within_our_own_network_is_not_connected_to(names: Dns) -> None:
    async def go() -> tuple[list[str], list[str]]:
        outside = Resolver([names.address])
        return (
            await outside.public_addresses("mta-sts.example.net"),
            await Resolver([names.address], allow_private=True).public_addresses("mta-sts.example.net"),
        )

    assert asyncio.run(go()) == ([], ["127.0.0.1"])
