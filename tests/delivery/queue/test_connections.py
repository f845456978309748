"""Limits of connections: of a sending domain, of a direct route as a whole, of a site; held by all workers together."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection

from contacts.models import List
from delivery.models import FromAddress, Limit, Route, SendingDomain, Site
from delivery.queue import ticks
from delivery.queue.counts import counts
from delivery.sender import connections
from delivery.sender.slots import Grip, Slots
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.world import World
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
SITES = [f"site{n}.example" for n in range(12)]
HOLDER = """
import sys, time, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from delivery.sender.slots import Slots
print(Slots().take([(sys.argv[2], 1)]), flush=True)
time.sleep(600)
"""


@pytest.fixture
def direct(smtp_server: Receiver, settings: Any) -> Iterator[World]:
    """A direct route to many sites, which are one receiver that counts its connections."""
    zone: dict[str, Any] = {}
    for site in SITES:
        zone[site] = {"MX": [f"10 mx.{site}"]}
        zone[f"mx.{site}"] = {"A": ["127.0.0.1"]}
    with Dns(zone) as names:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, smtp_server.port
        here = world.make()
        here.route.kind, here.route.host = Route.Kind.DIRECT, ""
        here.route.save()
        yield here


def people(here: World, sites: list[str], each: int) -> None:
    here.people(f"p{n}@{site}" for n in range(each) for site in sites)


def test_a_sending_domain_has_no_more_connections_than_its_limit_over_all_sites_and_workers(
    direct: World, smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    smtp_server.answer(dot={"*": "WAIT 0.01"})
    Limit.objects.create(sending_domain=direct.from_address.sending_domain, connections=2)
    people(direct, SITES[:2], 30)

    world.run_both(send_thread, other_thread, [direct.mailing() for _ in range(6)])

    assert smtp_server.stats()["most_open"] <= 2
    assert len(smtp_server.ledger()) == 360


def test_a_sending_domains_limit_holds_over_all_routes_and_for_no_other_domain(
    direct: World, smtp_server: Receiver, receivers: Any, send_thread: SendThread, other_thread: SendThread
) -> None:
    smtp_server.answer(dot={"*": "WAIT 0.02"})
    limited = direct.from_address.sending_domain
    Limit.objects.create(sending_domain=limited, connections=1)
    relay = Route.objects.create(
        name="Relay", kind=Route.Kind.SMARTHOST, security=Route.Security.NONE, host="127.0.0.1", port=smtp_server.port
    )
    people(direct, SITES[:2], 20)
    mailings = [direct.mailing() for _ in range(2)]
    direct.route = relay
    mailings += [direct.mailing() for _ in range(2)]
    world.run_both(send_thread, other_thread, mailings)
    assert smtp_server.stats()["most_open"] == 1

    free = SendingDomain.objects.create(
        workspace=direct.workspace, name="free.example.com", return_path_host="bounce.free.example.com",
        verified_at=limited.verified_at, live_at=limited.live_at,
    )  # fmt: skip
    direct.from_address = FromAddress.objects.create(
        workspace=direct.workspace, sending_domain=free, local_part="hi", name="Free"
    )
    world.run(send_thread, world.ended(direct.mailing()))
    assert smtp_server.stats()["most_open"] > 1


def test_a_direct_route_as_a_whole_has_no_more_connections_than_its_limit(
    direct: World, smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    smtp_server.answer(dot={"*": "WAIT 0.01"})
    Limit.objects.create(route=direct.route, connections=3)
    people(direct, SITES[:4], 15)

    world.run_both(send_thread, other_thread, [direct.mailing() for _ in range(6)])

    assert smtp_server.stats()["most_open"] == 3


def test_many_sites_take_turns_with_few_connections(
    direct: World, smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    """Nobody keeps a connection that others wait for: twelve sites with one connection need no idle times."""
    Limit.objects.create(workspace=direct.workspace, connections=1)
    people(direct, SITES, 4)

    world.run_both(send_thread, other_thread, [direct.mailing() for _ in range(3)])

    assert smtp_server.stats()["most_open"] == 1


def test_a_few_letters_need_not_wait_for_a_long_campaign_under_the_same_limit(
    direct: World, smtp_server: Receiver, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TURN_SECONDS", 0.2)
    smtp_server.answer(dot={"*": "WAIT 0.01"})
    Limit.objects.create(sending_domain=direct.from_address.sending_domain, connections=1)
    people(direct, SITES[:1], 300)
    long = direct.mailing()
    world.run(send_thread, lambda: len(smtp_server.ledger()) > 20)
    direct.list = List.objects.create(workspace=direct.workspace, name="Few", list_id_label="few")
    people(direct, SITES[1:2], 5)
    direct.mailing()

    world.run(send_thread, world.ended(long), seconds=60)

    few = [place for place, line in enumerate(smtp_server.ledger()) if line.rcpt.endswith(SITES[1])]
    assert len(few) == 5
    assert few[-1] < 250


def test_a_killed_worker_frees_its_slot(direct: World, smtp_server: Receiver, send_thread: SendThread) -> None:
    domain = direct.from_address.sending_domain
    Limit.objects.create(sending_domain=domain, connections=1)
    people(direct, SITES[:2], 5)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(connection.settings_dict["NAME"]), f"domain:{domain.pk}"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout and "Grip" in holder.stdout.readline()
        mailing = direct.mailing()
        for _ in range(5):
            ticks.advance()
            send_thread.work(0.3)
        assert smtp_server.stats()["connections"] == 0
        assert counts(mailing).audience == 10
    finally:
        holder.kill()
        holder.communicate()

    world.run(send_thread, world.ended(mailing))
    assert len(smtp_server.ledger()) == 10


def test_a_site_limit_of_no_route_holds_also_where_sites_are_mixed(
    direct: World, smtp_server: Receiver, send_thread: SendThread
) -> None:
    site = Site.objects.create(key=SITES[0])
    Limit.objects.create(site=site, per_hour=4)
    people(direct, SITES[:2], 20)
    mailing = direct.mailing()

    world.run(send_thread, lambda: counts(mailing).delivered >= 24)
    send_thread.work(0.5)

    sent = [line.rcpt.rpartition("@")[2] for line in smtp_server.ledger()]
    assert (sent.count(SITES[0]), sent.count(SITES[1])) == (4, 20)


# The slots themselves.


@pytest.fixture
def slots() -> Iterator[Slots]:
    found = Slots()
    yield found
    found.close()


def elsewhere(work: Any) -> Any:
    """In a session of its own, as another worker's; it ends with the call."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_a_session_never_takes_a_slot_twice(slots: Slots) -> None:
    grips = [slots.take([("route:1", 6)]) for _ in range(7)]
    assert grips[6] == "route:1"
    assert sorted(grip.slots["route:1"] for grip in grips[:6] if isinstance(grip, Grip)) == [1, 2, 3, 4, 5, 6]
    for grip in grips[:6]:
        assert isinstance(grip, Grip)
        slots.give(grip)
    assert world.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == []


def test_all_slots_are_taken_or_none(slots: Slots) -> None:
    held = slots.take([("domain:1", 1)])
    assert isinstance(held, Grip)
    assert slots.take([("domain:0", 1), ("domain:1", 1)]) == "domain:1"
    assert isinstance(elsewhere(lambda: Slots().take([("domain:0", 1)])), Grip), "the first was not kept"
    slots.give(held)
    assert isinstance(elsewhere(lambda: Slots().take([("domain:0", 1), ("domain:1", 1)])), Grip)


def test_slots_of_a_lost_session_are_taken_again(slots: Slots) -> None:
    first, second = (slots.take([("route:1", 2)]) for _ in range(2))
    assert isinstance(first, Grip) and isinstance(second, Grip)
    (pid,) = world.rows("SELECT pg_backend_pid()")[0]
    elsewhere(lambda: world.rows("SELECT pg_terminate_backend(%s)", pid))
    with pytest.raises(DatabaseError):
        slots.take([("route:1", 2)])

    assert slots.take([("route:1", 2)]) == "route:1", "its connections still stand"
    assert elsewhere(lambda: Slots().take([("route:1", 2)])) == "route:1"
    slots.give(first)
    assert isinstance(elsewhere(lambda: Slots().take([("route:1", 2)])), Grip)
