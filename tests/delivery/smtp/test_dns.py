"""Which servers take a domain's mail: twelve shapes of DNS, and what we do about hostile ones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import dns.resolver
import pytest

from delivery.dns import Resolver
from delivery.mx import MxResult, in_order, is_public, organisational, site_of
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from tests.servers.dns import Dns

from .drive import run

PUBLIC = {"A": ["198.41.0.4"]}


def _resolve(server: Dns, domain: str, **options: Any) -> MxResult | Reply:
    async def go() -> MxResult | Reply:
        resolver = Resolver([server.address], **options)
        return await resolver.resolve_mx(domain, random.Random(7))

    return run(go)


def _hosts(found: MxResult | Reply) -> list[str]:
    assert isinstance(found, MxResult), found
    return [host.name for host in found.hosts]


def test_servers_come_by_preference_and_at_random_among_equals(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["20 late.example.net", "10 a.example.net", "10 b.example.net"]})
    for host in ("late", "a", "b"):
        dns_server.set(f"{host}.example.net", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.net"))[2] == "late.example.net"
    orders = {tuple(in_order([(10, "a"), (10, "b"), (20, "c")], random.Random(seed))) for seed in range(20)}
    assert orders == {((10, "a"), (10, "b"), (20, "c")), ((10, "b"), (10, "a"), (20, "c"))}


def test_without_mx_the_domain_itself_is_the_server(dns_server: Dns) -> None:
    dns_server.set("example.net", {"A": ["198.41.0.4"], "AAAA": ["2001:503:ba3e::2:30"]})
    found = _resolve(dns_server, "example.net")
    assert _hosts(found) == ["example.net"]
    assert isinstance(found, MxResult)
    assert found.hosts[0].addresses == ("198.41.0.4", "2001:503:ba3e::2:30")


def test_with_an_mx_the_domain_itself_is_never_the_server(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["10 gone.example.net"], **PUBLIC})
    found = _resolve(dns_server, "example.net")
    assert isinstance(found, Reply)
    assert found.synthetic == Fault.NO_MAIL_HOST


@pytest.mark.parametrize(
    ("records", "fault", "means"),
    [
        ({"MX": ["0 ."]}, Fault.NULL_MX, Ending.FAILED),
        ("NXDOMAIN", Fault.NO_SUCH_DOMAIN, Ending.FAILED),
        ({"TXT": ["only text"]}, Fault.NO_MAIL_HOST, Ending.FAILED),
        ("SERVFAIL", Fault.DNS_TEMPORARY, Ending.DEFERRED),
        ("TIMEOUT", Fault.DNS_TEMPORARY, Ending.DEFERRED),
        ({"MX": [f"{n} mx{n}.example.net" for n in range(51)]}, Fault.MX_TOO_MANY, Ending.DEFERRED),
        ({"MX": ["10 broken.example.net"]}, Fault.DNS_TEMPORARY, Ending.DEFERRED),
        ({"MX": ["10 loop1.example.net"]}, Fault.DNS_TEMPORARY, Ending.DEFERRED),
        ({"MX": ["10 inside.example.net"]}, Fault.MX_NOT_PUBLIC, Ending.FAILED),
        ({"MX": ["10 self.example.net"]}, Fault.NO_MAIL_HOST, Ending.FAILED),
    ],
)
def test_a_domain_that_takes_no_mail_says_why(dns_server: Dns, records: Any, fault: Fault, means: Ending) -> None:
    dns_server.set("example.net", records)
    dns_server.set("broken.example.net", "SERVFAIL")
    dns_server.set("loop1.example.net", {"CNAME": ["loop2.example.net"]})
    dns_server.set("loop2.example.net", {"CNAME": ["loop1.example.net"]})
    dns_server.set("inside.example.net", {"A": ["127.0.0.1", "10.0.0.1", "169.254.169.254"], "AAAA": ["::1"]})
    dns_server.set("self.example.net", PUBLIC)
    found = _resolve(dns_server, "example.net", own_names=["self.example.net"], seconds=2.0)
    assert isinstance(found, Reply)
    assert (found.synthetic, found.phase, ending(found)) == (fault, Phase.DNS, means)


def test_private_servers_are_left_out_unless_the_setting_allows_them(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["10 in.example.net", "20 out.example.net"]})
    dns_server.set("in.example.net", {"A": ["127.0.0.1"]})
    dns_server.set("out.example.net", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.net")) == ["out.example.net"]
    assert _hosts(_resolve(dns_server, "example.net", allow_private=True)) == ["in.example.net", "out.example.net"]


def test_servers_at_our_own_place_or_behind_it_would_hand_the_mail_back(dns_server: Dns) -> None:
    places = {"first": 10, "self": 20, "beside": 20, "behind": 30}
    dns_server.set("example.net", {"MX": [f"{place} {name}.example.net" for name, place in places.items()]})
    for name in places:
        dns_server.set(f"{name}.example.net", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.net", own_names=["Self.example.net."])) == ["first.example.net"]
    assert len(_hosts(_resolve(dns_server, "example.net"))) == 4


@pytest.mark.parametrize(
    ("records", "hosts"),
    [
        ({"CNAME": ["real.example.net"]}, ["mx.example.net"]),  # the alias is looked through for its MX
        ({"MX": ["10 six.example.net"]}, ["six.example.net"]),
        ({"MX": ["0 .", "10 mx.example.net"]}, ["mx.example.net"]),  # no null MX: those stand alone
        ({"MX": ["10 nowhere.example.net", "20 mx.example.net"]}, ["mx.example.net"]),
        ({"MX": ["10 MX.Example.Net"]}, ["mx.example.net"]),
        ({"MX": [f"{n} mx{n}.example.net" for n in range(50)]}, [f"mx{n}.example.net" for n in range(10)]),
    ],
)
def test_odd_records_that_still_say_where_the_mail_goes(dns_server: Dns, records: Any, hosts: list[str]) -> None:
    dns_server.set("example.org", records)
    dns_server.set("real.example.net", {"MX": ["10 mx.example.net"], "A": ["198.41.0.9"]})
    dns_server.set("six.example.net", {"AAAA": ["2001:503:ba3e::2:30"]})
    for name in ("mx", *(f"mx{n}" for n in range(50))):
        dns_server.set(f"{name}.example.net", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.org")) == hosts


def test_a_machine_without_a_resolver_defers(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any, **__: Any) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", nothing)

    async def go() -> MxResult | Reply:
        return await Resolver(seconds=0.5).resolve_mx("example.net", random.Random(7))

    found = run(go)
    assert isinstance(found, Reply)
    assert found.synthetic == Fault.DNS_TEMPORARY


def test_one_server_without_an_answer_does_not_hide_the_others(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["10 broken.example.net", "20 out.example.net"]})
    dns_server.set("broken.example.net", "SERVFAIL")
    dns_server.set("out.example.net", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.net")) == ["out.example.net"]


def test_an_alias_is_followed(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["10 alias.example.net"]})
    dns_server.set("alias.example.net", {"CNAME": ["real.example.com"]})
    dns_server.set("real.example.com", PUBLIC)
    assert _hosts(_resolve(dns_server, "example.net")) == ["alias.example.net"]


def test_international_and_literal_domains(dns_server: Dns) -> None:
    dns_server.set("xn--r8jz45g.jp", {"MX": ["10 mx.xn--r8jz45g.jp"]})
    dns_server.set("mx.xn--r8jz45g.jp", PUBLIC)
    assert _hosts(_resolve(dns_server, "例え.JP")) == ["mx.xn--r8jz45g.jp"]
    assert _hosts(_resolve(dns_server, "[198.41.0.4]")) == ["198.41.0.4"]
    assert isinstance(_resolve(dns_server, "[127.0.0.1]"), Reply)
    assert isinstance(_resolve(dns_server, "[IPv6:::ffff:127.0.0.1]"), Reply)


@pytest.mark.parametrize(
    "domain", ["", "a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "-.-", "a b", "例え。"]
)
def test_a_domain_that_is_none_does_not_exist(dns_server: Dns, domain: str) -> None:
    found = _resolve(dns_server, domain)
    assert isinstance(found, Reply)
    assert found.synthetic == Fault.NO_SUCH_DOMAIN


def test_answers_are_kept_and_asked_once_at_once(dns_server: Dns) -> None:
    dns_server.set("example.net", {"MX": ["10 mx.example.net"]})
    dns_server.set("mx.example.net", PUBLIC)
    clock = [0.0]

    async def go() -> None:
        resolver = Resolver([dns_server.address], now=lambda: clock[0])
        ask: Callable[[], Any] = lambda: resolver.resolve_mx("example.net", random.Random(1))  # noqa: E731
        await asyncio.gather(*(ask() for _ in range(50)))
        assert dns_server.asked["example.net", "MX"] == 1
        clock[0] = 61.0
        await ask()
        assert dns_server.asked["example.net", "MX"] == 2

    run(go)


def test_the_records_of_a_sending_domain_are_read(dns_server: Dns) -> None:
    key = "v=DKIM1; k=rsa; p=" + "A" * 400
    dns_server.set("s1._domainkey.example.jp", {"TXT": [key]})
    dns_server.set("bounce.example.jp", {"MX": ["10 Mail.Example.jp"], "TXT": ["v=spf1 a:mail.example.jp ~all"]})
    dns_server.set("click.example.jp", {"CNAME": ["track.example.com"]})
    dns_server.set("broken.example.jp", "SERVFAIL")
    dns_server.set("long.example.jp", {"TXT": ["y" * 3000]})

    async def go() -> None:
        resolver = Resolver([dns_server.address])
        assert await resolver.lookup_txt("s1._domainkey.example.jp") == [key]
        assert await resolver.lookup_txt("long.example.jp") == ["y" * 3000]
        assert await resolver.lookup_mx("bounce.example.jp") == ["10 mail.example.jp"]
        assert await resolver.lookup_cname("click.example.jp") == ["track.example.com"]
        assert await resolver.lookup_txt("_dmarc.example.jp") == []
        assert await resolver.lookup_txt("broken.example.jp") is None
        assert await resolver.lookup_addresses("broken.example.jp") is None

    run(go)


@pytest.mark.parametrize(
    ("hosts", "key"),
    [
        (["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"], ("gmail", "gmail")),
        (["mx1.example.co.jp", "mx2.example.co.jp"], ("example.co.jp", "")),
        (["mx1.example.net", "backup.example.org"], ("example.net+example.org", "")),
    ],
)
def test_the_site_is_who_runs_the_servers(hosts: list[str], key: tuple[str, str]) -> None:
    assert site_of(hosts) == key
    assert site_of(reversed(hosts)) == key


def test_a_site_key_is_never_too_long() -> None:
    key, _ = site_of(f"mx.{'x' * 50}{n}.net" for n in range(50))
    assert len(key) <= 255


@pytest.mark.parametrize(
    ("host", "end"),
    [
        ("mx.mail.example.com", "example.com"),
        ("example.com", "example.com"),
        ("mx.example.co.jp", "example.co.jp"),
        ("mx.example.jp", "example.jp"),
        ("mx1.docomo.ne.jp", "docomo.ne.jp"),
        ("localhost", "localhost"),
    ],
)
def test_the_organisational_end_of_a_host(host: str, end: str) -> None:
    assert organisational(host) == end


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
        "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1", "192.0.2.1",
    ],
)  # fmt: skip
def test_no_mail_server_stands_at_a_private_address(address: str) -> None:
    assert not is_public(address)
