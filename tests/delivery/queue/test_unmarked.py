"""In one batch some are answered without a mark (nothing may go to their provider now) and the others are marked: a
gate that stays shut, or whose answer is lost, leaves everybody in one place of the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError

from delivery import mailings, routes
from delivery.models import Lease, Mailing, Route
from delivery.queue import gate, leasing, ticks
from delivery.queue.gate import Passed
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.world import World
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
SHUT, OPEN = "shut.example", "open.example"
EACH = 40
Gate = Callable[..., Passed]


@pytest.fixture
def receiver(receivers: StartReceiver) -> Receiver:
    return receivers(dot={"*": "WAIT 2"})


@pytest.fixture
def here(receiver: Receiver, settings: Any) -> Iterator[World]:
    """Mail to one provider waits; that to the other is answered after two seconds."""
    zone: dict[str, Any] = {name: {"MX": [f"10 mx.{name}"]} for name in (SHUT, OPEN)}
    zone |= {f"mx.{name}": {"A": ["127.0.0.1"]} for name in (SHUT, OPEN)}
    with Dns(zone) as names:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, receiver.port
        settings.SEND_CONNECTIONS = 5
        made = world.make()
        Route.objects.filter(pk=made.route.pk).update(kind=Route.Kind.DIRECT, host="")
        made.people(f"p{n}@{name}" for n in range(EACH) for name in (OPEN, SHUT))
        assert routes.pause_provider(made.route, SHUT, actor=None)
        yield made


def started(here: World) -> Mailing:
    mailing = here.mailing()
    ticks.advance()
    return mailing


def on_second_gate(monkeypatch: pytest.MonkeyPatch, act: Callable[[Gate, tuple[Any, ...]], Passed]) -> None:
    """Instead of the second batch's."""
    real, batches = gate.pass_through, []

    def asked(*parts: Any) -> Passed:
        if parts[2]:
            batches.append(parts)
        return act(real, parts) if parts[2] and len(batches) == 2 else real(*parts)

    monkeypatch.setattr(gate, "pass_through", asked)


def marked(worker: leasing.Worker, mailing: Mailing, *, deferred_first: bool) -> set[int]:
    """Whom another worker may send to."""
    found: set[int] = set()
    while claim := leasing.take(worker, deferred_first=deferred_first):
        found |= {one.message for one in gate.pass_through(claim, world.rules(mailing), claim.ids).recipients}
    return found


def test_whom_another_worker_took_over_nobody_else_takes(
    here: World, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = started(here)

    def pause_first(real: Gate, parts: tuple[Any, ...]) -> Passed:
        assert mailings.pause(Mailing.objects.get(pk=mailing.pk))
        return real(*parts)

    on_second_gate(monkeypatch, pause_first)
    send_thread.work(1.0)
    assert Lease.objects.get().closed_at is None, "the first batch is on the wire"

    mailings.resume(Mailing.objects.get(pk=mailing.pk))
    assert routes.resume_provider(here.route, SHUT, actor=None)
    first = marked(leasing.Worker("host:2:2", "host"), mailing, deferred_first=False)
    assert first
    theirs = Lease.objects.exclude(worker="host:2:2").filter(closed_at=None)
    deadline = time.monotonic() + 20
    while theirs.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1.2)  # longer than a handover
    assert not first & marked(leasing.Worker("host:3:3", "host"), mailing, deferred_first=True)


def test_a_lost_answer_leaves_the_lease_able_to_end(
    here: World, receiver: Receiver, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = started(here)

    def lose(real: Gate, parts: tuple[Any, ...]) -> Passed:
        real(*parts)
        raise OperationalError("server closed the connection unexpectedly")

    on_second_gate(monkeypatch, lose)
    world.run(send_thread, lambda: len(receiver.ledger()) == EACH)
    assert routes.resume_provider(here.route, SHUT, actor=None)
    world.run(send_thread, world.ended(mailing), seconds=40)
    assert sorted(line.rcpt for line in receiver.ledger()) == sorted(
        f"p{n}@{name}" for n in range(EACH) for name in (OPEN, SHUT)
    )
