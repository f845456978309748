"""One provider of a direct route is paused or drained in the middle of a campaign: nobody there is marked after it,
the others go on, and resuming reaches everybody once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from delivery import brakes, buckets, routes
from delivery.models import Bucket, Domain, Lease, Limit, Mailing, Message, MessageState, Route, Run, Site
from delivery.queue import gate, leasing, ticks
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.world import World
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
HERE = leasing.Worker("host:1:1", "host")
PAUSED, OPEN = "mx.paused.example", "mx.open.example"
EACH = 500  # more than are marked at once: of both some are left when the pause comes, on a busy machine too


@pytest.fixture
def receiver(receivers: StartReceiver) -> Receiver:
    return receivers(dot={"*": "WAIT 0.05"})


@pytest.fixture
def direct(receiver: Receiver, settings: Any) -> Iterator[World]:
    zone: dict[str, Any] = {host: {"A": ["127.0.0.1"]} for host in (PAUSED, OPEN)}
    zone |= {host.removeprefix("mx."): {"MX": [f"10 {host}"]} for host in (PAUSED, OPEN)}
    with Dns(zone) as names:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, receiver.port
        here = world.make()
        Route.objects.filter(pk=here.route.pk).update(kind=Route.Kind.DIRECT, host="")
        here.route.refresh_from_db()
        Limit.objects.create(route=here.route, connections=4)
        yield here


def campaign(here: World, each: int, *, own_lanes: bool) -> Mailing:
    """With `own_lanes` both sites were known before, and each has people enough."""
    names = [host.removeprefix("mx.") for host in (PAUSED, OPEN)]
    if own_lanes:
        for name in names:
            Domain.objects.create(name=name, site=Site.objects.create(key=name))
    here.people(f"p{n}@{name}" for n in range(each) for name in names)
    mailing = here.mailing()
    ticks.advance()
    mailing.refresh_from_db()
    assert Run.objects.filter(lane="mixed").exists() != own_lanes
    return mailing


def taken(receiver: Receiver, host: str) -> int:
    return sum(1 for line in receiver.ledger() if line.rcpt.endswith("@" + host.removeprefix("mx.")))


def site_of(host: str) -> str:
    site = Domain.objects.get(name=host.removeprefix("mx.")).site
    assert site
    return site.key


def marked_since(moment: object, host: str) -> int:
    """People of the site in marks that began after that moment of the database's clock."""
    sql = """
        SELECT count(*) FROM delivery_attempt a CROSS JOIN LATERAL unnest(a.ids) AS one(id)
        JOIN delivery_message m ON m.id = one.id JOIN delivery_domain d ON d.id = m.domain_id
        WHERE a.at > %s AND d.name = %s
    """
    return int(str(world.rows(sql, moment, host.removeprefix("mx."))[0][0]))


@pytest.mark.parametrize("own_lanes", [True, False], ids=["in a lane of its own", "in a lane with others"])
def test_nobody_there_is_marked_after_the_pause_and_the_others_go_on(
    own_lanes: bool, direct: World, receiver: Receiver, send_thread: SendThread
) -> None:
    mailing = campaign(direct, EACH, own_lanes=own_lanes)
    world.run(send_thread, lambda: taken(receiver, PAUSED) > 5 and taken(receiver, OPEN) > 5)

    assert routes.pause_provider(direct.route, site_of(PAUSED), actor=None)
    paused_at = world.rows("SELECT clock_timestamp()")[0][0]
    world.run(send_thread, lambda: taken(receiver, OPEN) == EACH)
    for _ in range(5):
        send_thread.work(0.3)

    assert marked_since(paused_at, PAUSED) == 0
    assert taken(receiver, PAUSED) < EACH
    assert marked_since(paused_at, OPEN) > 0
    assert mailing.finished_at is None

    assert routes.resume_provider(direct.route, site_of(PAUSED), actor=None)
    world.run(send_thread, world.ended(mailing))
    rcpts = [line.rcpt for line in receiver.ledger()]
    assert len(rcpts) == len(set(rcpts)) == 2 * EACH
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}


def test_another_route_takes_those_whose_provider_is_paused(
    direct: World, receiver: Receiver, receivers: StartReceiver, send_thread: SendThread
) -> None:
    relay = receivers()
    mailing = campaign(direct, 30, own_lanes=False)
    second = Route.objects.create(
        name="Second", kind=Route.Kind.SMARTHOST, security=Route.Security.NONE, host="127.0.0.1", port=relay.port
    )
    world.add_route(mailing, second)

    routes.pause_provider(direct.route, "paused.example", actor=None)
    world.run(send_thread, world.ended(mailing))

    assert (taken(relay, PAUSED), taken(receiver, PAUSED)) == (30, 0)
    assert taken(receiver, OPEN) == 30


def lease(mailing: Mailing) -> leasing.Claim:
    claim = leasing.take(HERE)
    assert claim
    assert claim.mailing == mailing.pk
    return claim


def passes(mailing: Mailing, claim: leasing.Claim) -> bool:
    return gate.pass_through(claim, world.rules(mailing), claim.ids[:1]).open


@pytest.mark.parametrize("what", ["route", "provider"])
def test_what_is_drained_gives_no_new_leases_and_lets_open_ones_end(what: str, direct: World) -> None:
    mailing = campaign(direct, 200, own_lanes=True)
    Limit.objects.create(route=direct.route, site=Site.objects.get(key="paused.example"), per_second=4)
    Limit.objects.create(route=direct.route, site=Site.objects.get(key="open.example"), per_second=4)
    claim = lease(mailing)
    key = Site.objects.get(pk=claim.site).key
    if what == "route":
        assert routes.pause(direct.route, actor=None, drain=True)
    else:
        assert routes.pause_provider(direct.route, key, actor=None, drain=True)

    assert passes(mailing, claim)
    found = leasing.take(HERE)
    assert found is None if what == "route" else found and found.site != claim.site

    if what == "route":
        assert routes.pause(direct.route, actor=None)
    else:
        assert routes.pause_provider(direct.route, key, actor=None)
    assert not passes(mailing, claim)


def test_a_drained_lease_in_its_own_lane_is_sent_to_its_end(
    direct: World, receiver: Receiver, send_thread: SendThread
) -> None:
    campaign(direct, 200, own_lanes=True)
    world.run(send_thread, lambda: taken(receiver, PAUSED) > 5)
    held = sum(one.hi - one.lo + 1 for one in Lease.objects.filter(site__key="paused.example"))

    routes.pause_provider(direct.route, "paused.example", actor=None, drain=True)
    world.run(send_thread, lambda: not Lease.objects.filter(closed_at=None, site__key="paused.example").exists())

    assert taken(receiver, PAUSED) == held


def test_a_refused_sign_in_pauses_a_route_that_is_drained(direct: World) -> None:
    routes.pause(direct.route, actor=None, drain=True)
    assert brakes.pause_route(direct.route.pk, "login_refused")
    direct.route.refresh_from_db()
    assert (direct.route.drain, direct.route.pause_reason) == (False, "login_refused")


def test_the_log_says_who_paused_which_provider_and_who_resumed_it(direct: World) -> None:
    aiko = User.objects.create(email="aiko@example.com", name="Aiko")
    assert routes.pause_provider(direct.route, "gmail", actor=aiko)
    assert not routes.pause_provider(direct.route, "gmail", actor=aiko)
    assert not routes.pause_provider(direct.route, "gmail", actor=aiko, drain=True)
    bucket = Bucket.objects.get()
    assert (bucket.paused_by, bucket.drain) == ("Aiko", False)
    assert buckets.closed_seconds([bucket.key]) == {bucket.key: buckets.PAUSED}
    assert routes.resume_provider(direct.route, "gmail", actor=aiko)
    assert not routes.resume_provider(direct.route, "gmail", actor=aiko)
    assert buckets.closed_seconds([bucket.key]) == {}
    entries = AuditEntry.objects.order_by("pk").values_list("action", "actor_label", "data__site")
    assert list(entries) == [("provider.paused", "Aiko", "gmail"), ("provider.resumed", "Aiko", "gmail")]
