"""Which of a domain's mail servers gets the mail (RFC 5321, 5.1)."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.models import Bucket, Message, MessageState, Route
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
TWO = {"example.net": {"MX": ["10 first.example.net", "20 second.example.net"]}}


def direct(settings: Any, names: Dns, port: int) -> world.World:
    settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, port
    here = world.make()
    Route.objects.update(kind=Route.Kind.DIRECT, host="")
    here.route.refresh_from_db()
    here.people(f"p{n}@example.net" for n in range(5))
    return here


def test_the_next_server_is_tried_when_the_first_takes_no_connection(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    server = receivers({})
    zone: dict[str, Any] = TWO | {"first.example.net": {"A": ["127.0.0.2"]}, "second.example.net": {"A": ["127.0.0.1"]}}
    with Dns(zone) as names:
        mailing = direct(settings, names, server.port).mailing()
        world.run(send_thread, world.ended(mailing))

    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}


@pytest.mark.parametrize("phase", ["banner", "ehlo"])
def test_what_a_server_says_is_asked_of_no_other(
    phase: str, receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    server = receivers({phase: ["421 4.7.0 too much mail from you"] * 9})
    zone: dict[str, Any] = TWO | {f"{name}.example.net": {"A": ["127.0.0.1"]} for name in ("first", "second")}
    with Dns(zone) as names:
        direct(settings, names, server.port).mailing()
        world.run(send_thread, lambda: Bucket.objects.filter(closed_until__isnull=False).exists())

    assert server.stats()["connections"] == 1
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.QUEUED, 0)}


def test_a_server_whose_tls_is_broken_gets_the_mail_without(
    receivers: StartReceiver, server_cert: str, send_thread: SendThread, settings: Any
) -> None:
    """Direct delivery encrypts where it can: better than not at all, and never a reason for not delivering."""
    server = receivers(tls="starttls", cert=server_cert, newest_tls="1.1")
    with Dns({"example.net": {"MX": ["10 first.example.net"]}, "first.example.net": {"A": ["127.0.0.1"]}}) as names:
        mailing = direct(settings, names, server.port).mailing()
        world.run(send_thread, world.ended(mailing))

    assert {line.rcpt for line in server.ledger()} == {f"p{n}@example.net" for n in range(5)}


def test_a_silent_server_keeps_nobody_else_waiting(
    receivers: StartReceiver, send_thread: SendThread, settings: Any
) -> None:
    """Its time-out is five minutes, and half of the people are its own."""
    well = receivers({})
    silent = Receiver.start({"mail": "SILENT"}, folder=well.folder.parent, host="127.0.0.2", port=well.port)
    zone: dict[str, Any] = {
        "silent.test": {"MX": ["10 mx.silent.test"]}, "mx.silent.test": {"A": ["127.0.0.2"]},
        "well.test": {"MX": ["10 mx.well.test"]}, "mx.well.test": {"A": ["127.0.0.1"]},
    }  # fmt: skip
    with silent, Dns(zone) as names:
        here = direct(settings, names, well.port)
        here.people(f"p{n}@{site}.test" for n in range(300) for site in ("silent", "well"))
        mailing = here.mailing()
        world.run(send_thread, lambda: len(well.ledger()) == 300)
        mailing.refresh_from_db()
        assert mailing.finished_at is None
        assert silent.stats()["commands"].get("MAIL", 0) <= 10, "a connection each at most"
