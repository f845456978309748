"""A route that is down: the next one takes over, nobody is lost, nobody gets it twice, and no attempt is counted."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import fields
from delivery import buckets, routes
from delivery.models import Bucket, Lease, Limit, Mailing, Message, MessageState, Route, Run
from delivery.queue import leasing
from delivery.queue.counts import counts
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from delivery.sender import silence
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
HERE = leasing.Worker("host:1:1", "host")
BUSY = "421 4.3.2 busy"
DOWN: dict[str, dict[str, Any]] = {
    "it refuses connections": {},
    "it never greets": {"banner": "SILENT"},
    "421 at its greeting": {"banner": BUSY},
    "it does not answer EHLO": {"ehlo": "SILENT"},
    "421 to EHLO": {"ehlo": BUSY},
    "421 to MAIL": {"mail": f"CLOSE {BUSY}"},
    "it does not answer MAIL": {"mail": "SILENT"},
}


def relay(server: Receiver, name: str = "Second") -> Route:
    return Route.objects.create(
        name=name, kind=Route.Kind.SMARTHOST, security=Route.Security.NONE, host="127.0.0.1", port=server.port
    )


def sending(people: int, first: Receiver, second: Receiver) -> Mailing:
    """Over the first, and over the second where that is down."""
    mailing = world.sending(people, first)
    world.add_route(mailing, relay(second))
    return mailing


def cut(people: int) -> None:
    """Leases of so many, so that there is a next one."""
    run = Run.objects.get()
    for at in range(run.first + people, run.last + 1, people):
        last = min(at + people - 1, run.last)
        Run.objects.create(mailing=run.mailing, lane=run.lane, first=at, last=last, cursor=at)
    Run.objects.filter(pk=run.pk).update(last=run.first + people - 1)


def once_each(people: int, *servers: Receiver) -> None:
    """All servers together have everybody once, and nobody's attempts tell that a route was down."""
    taken = [line.rcpt for server in servers for line in server.ledger()]
    assert len(taken) == len(set(taken)) == people
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}


def test_others_take_over_within_half_a_minute() -> None:
    """What the clock of these tests scales: silence is noticed, the lease ends, the next one begins."""
    assert silence.LONGEST * 1.1 + leasing.NEXT_ROUTE <= 30


@pytest.mark.parametrize("why", DOWN)
def test_the_next_route_takes_everybody_when_the_first_is_down(
    why: str, receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    settings.TIME_SCALE = 0.02
    first, second = receivers(DOWN[why]), receivers()
    mailing = sending(120, first, second)
    if not DOWN[why]:
        first.stop()

    world.run(send_thread, world.ended(mailing))

    once_each(120, second)


def test_a_route_that_refuses_our_password_is_paused_and_the_campaign_goes_on_over_the_next(
    receivers: StartReceiver, server_cert: str, ca: Any, tmp_path: Any, send_thread: SendThread
) -> None:
    first = receivers({"users": {"shirase": "right"}, "tls": "implicit", "cert": server_cert})
    second = receivers()
    mailing = sending(60, first, second)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    route = Route.objects.get(name="Receiver")
    route.security, route.ca_file, route.username = Route.Security.IMPLICIT, str(tmp_path / "ca.pem"), "shirase"
    fields.seal(route, "password_sealed", "wrong")
    route.save()

    world.run(send_thread, world.ended(mailing))

    route.refresh_from_db()
    assert route.paused_at
    assert route.pause_reason
    once_each(60, second)


def test_a_route_that_fails_in_the_middle_hands_the_rest_over(
    receivers: StartReceiver, send_thread: SendThread
) -> None:
    first, second = receivers(dot={"*": "WAIT 0.05"}, mail=[]), receivers()
    mailing = sending(400, first, second)
    Limit.objects.create(route=Route.objects.get(name="Receiver"), connections=4)
    world.run(send_thread, lambda: len(first.ledger()) > 20)
    first.answer(mail=f"CLOSE {BUSY}", banner=BUSY)

    world.run(send_thread, world.ended(mailing))

    assert len(second.ledger()) > 200
    once_each(400, first, second)


def test_pausing_a_route_by_hand_moves_a_campaign_to_the_next_and_resuming_moves_it_back(
    receivers: StartReceiver, send_thread: SendThread
) -> None:
    slow = {"*": "WAIT 0.1"}
    first, second = receivers(dot=slow), receivers(dot=slow)
    mailing = sending(600, first, second)
    cut(100)
    route = Route.objects.get(name="Receiver")
    world.run(send_thread, lambda: len(first.ledger()) > 10)

    assert routes.pause(route, actor=None)
    world.run(send_thread, lambda: len(second.ledger()) > 10)
    assert routes.resume(route, actor=None)
    before = len(first.ledger())
    world.run(send_thread, lambda: len(first.ledger()) > before + 50 or world.ended(mailing)())
    world.run(send_thread, world.ended(mailing))

    assert len(first.ledger()) > before + 50
    once_each(600, first, second)


def test_the_first_route_is_taken_again_when_it_opens(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    settings.TIME_SCALE = 0.02
    first, second = receivers(banner=[BUSY]), receivers()
    mailing = sending(150, first, second)
    Limit.objects.create(route=Route.objects.get(name="Second"), per_second=8)  # leases of 40, so that there is a next

    world.run(send_thread, world.ended(mailing), seconds=60)

    assert first.ledger()
    assert second.ledger()
    once_each(150, first, second)


def test_whom_a_silent_server_has_the_dot_of_is_waited_for_and_everybody_else_goes_on(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    """It hangs after some dots, for which there are ten minutes. Its lease stays open, and holds nobody else up."""
    settings.TIME_SCALE = 0.1
    first, second = receivers(dot={"*": "SILENT"}), receivers()
    mailing = sending(300, first, second)

    world.run(send_thread, lambda: len(second.ledger()) > 200, seconds=50)

    waited_for = counts(mailing).on_the_way
    assert Lease.objects.filter(closed_at=None, route__name="Receiver").exists()
    assert 0 < waited_for <= 100
    assert counts(mailing).unknown == 0
    taken = [line.rcpt for line in second.ledger()]
    assert len(taken) == len(set(taken))
    first.stop()  # so that nobody waits a minute for its end


def test_one_site_that_a_direct_route_cannot_reach_goes_over_the_next(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    """Small sites, which share a lane, and one that has its own; the others stay where they are."""
    direct, second = receivers(), receivers()
    names = ("fine", "down", "large")
    zone: dict[str, Any] = {f"{name}.example": {"MX": [f"10 mx.{name}.example"]} for name in names}
    zone |= {"mx.fine.example": {"A": ["127.0.0.1"]}, "mx.down.example": {"A": ["127.0.0.3"]}}
    zone |= {"mx.large.example": {"A": ["127.0.0.3"]}}  # where nothing listens
    with Dns(zone) as dns:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = dns.address, True, direct.port
        here = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT, host="")
        here.people(f"p{n}@{name}.example" for name in names for n in range(30 if name != "large" else 0))
        learn = here.mailing()
        world.run(send_thread, lambda: len(direct.ledger()) == 30)
        assert counts(learn).waiting == 30, "the only route cannot reach them"

        here.people(f"p{n}@large.example" for n in range(250))
        mailing = here.mailing()
        world.add_route(mailing, relay(second))
        world.run(send_thread, world.ended(mailing))

    by_second = {line.rcpt.rpartition("@")[2] for line in second.ledger()}
    assert by_second == {"down.example", "large.example"}
    assert len(second.ledger()) == 280
    assert len(direct.ledger()) == 60
    mine = Message.objects.filter(mailing=mailing)
    assert set(mine.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}
    assert counts(learn).waiting == 30


def test_while_all_routes_are_down_nothing_is_tried_in_vain_and_a_resumed_one_is_taken_at_once() -> None:
    mailing = world.sending(10)
    second = Route.objects.create(name="Second", kind=Route.Kind.SMARTHOST, host="127.0.0.1", port=1)
    world.add_route(mailing, second)
    first = Route.objects.get(name="Receiver")
    assert routes.pause(first, actor=None)
    buckets.close(buckets.route_key(second.pk), "x")

    assert leasing.take(HERE) is None
    rests = world.rows("SELECT extract(epoch FROM not_before - now()) FROM delivery_run")
    assert 0 < float(str(rests[0][0])) <= leasing.PAUSED_REST, "a person may resume the first at any moment"

    assert routes.resume(first, actor=None)
    claim = leasing.take(HERE)
    assert claim
    assert claim.route == first.pk


def test_a_direct_route_whose_source_address_is_gone_is_down_as_a_whole(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    direct, second = receivers(), receivers()
    sites = [f"site{n}.example" for n in range(4)]
    zone: dict[str, Any] = {site: {"MX": [f"10 mx.{site}"]} for site in sites}
    zone |= {f"mx.{site}": {"A": ["127.0.0.1"]} for site in sites}
    with Dns(zone) as dns:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = dns.address, True, direct.port
        here = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT, host="", source_address="192.0.2.1")
        here.people(f"p{n}@{site}" for n in range(5) for site in sites)
        mailing = here.mailing()
        world.add_route(mailing, relay(second))
        world.run(send_thread, world.ended(mailing))

    assert Bucket.objects.get(key=buckets.route_key(here.route.pk)).closed_cause
    once_each(20, second)


@pytest.mark.parametrize("kind", [Route.Kind.DIRECT, Route.Kind.SMARTHOST])
def test_a_route_has_a_name_and_an_address_of_its_own(
    kind: Route.Kind, receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    server = receivers()
    with Dns({"example.net": {"MX": ["10 mx.example.net"]}, "mx.example.net": {"A": ["127.0.0.1"]}}) as dns:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = dns.address, True, server.port
        here = world.make(server)
        Route.objects.update(kind=kind, source_address="127.0.0.9", ehlo_name="second.example.jp")
        here.people(["p@example.net"])
        world.run(send_thread, world.ended(here.mailing()))

    assert "EHLO second.example.jp" in server.stats()["lines"]
    assert server.stats()["peers"] == ["127.0.0.9"]


def test_who_is_deferred_is_moved_once_while_their_only_route_is_paused_and_goes_on_when_it_is_resumed() -> None:
    mailing = world.sending(6)
    route = Route.objects.get()
    claim = leasing.take(HERE)
    assert claim
    later = dict(zip(claim.ids, (0, 0, 10, 100, 100_000, 100_000), strict=True))
    outcomes = [Outcome(one, MessageState.DEFERRED, delay=seconds) for one, seconds in later.items()]
    settle(outcomes, mailing=mailing.pk, lane=claim.lane, site=None)
    buckets.close(buckets.route_key(route.pk), "x")  # for a minute
    assert routes.pause(route, actor=None)

    assert leasing.take(HERE) is None
    moved = world.rows("SELECT count(*) FROM delivery_deferral WHERE due_at > now() + interval '100 seconds'")
    assert moved == [(4,)], "none is looked at every few seconds"

    assert routes.resume(route, actor=None)
    again = leasing.take(HERE)
    assert again
    assert again.ids == claim.ids[:4], "whom their server told to wait waits on"
