"""The password of a route stops working in mid-campaign: nobody is failed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme

from accounts import fields
from delivery import mailings
from delivery.models import Lease, Limit, Mailing, Message, Route
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_route_and_its_campaign_pause_and_everybody_gets_it_once_it_works_again(
    receivers: Any, send_thread: SendThread, ca: trustme.CA, server_cert: str, tmp_path: Path
) -> None:
    server = receivers({"users": {"shirase": "right"}, "tls": "implicit", "cert": server_cert})
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    here = world.make(server)
    route = here.route
    route.security, route.ca_file, route.username = Route.Security.IMPLICIT, str(tmp_path / "ca.pem"), "shirase"
    fields.seal(route, "password_sealed", "right")
    route.save()
    Limit.objects.create(route=route, connections=1, per_connection=10, per_second=100)
    here.people(f"p{n}@example.net" for n in range(300))
    mailing = here.mailing()
    world.run(send_thread, lambda: len(server.ledger()) > 20)

    server.answer(auth=["535 5.7.8 authentication failed"] * 100)
    world.run(
        send_thread,
        lambda: Route.objects.get().paused_at is not None and not Lease.objects.filter(closed_at=None).exists(),
    )
    mailing.refresh_from_db()
    told = counts(mailing)
    assert (mailing.state, mailing.pause_reason) == (Mailing.State.PAUSED, Route.objects.get().pause_reason)
    assert (told.failed, told.held, told.unknown) == (0, 0, 0)
    assert 20 < told.delivered == len(server.ledger()) < 300

    server.answer(auth=[])
    Route.objects.update(paused_at=None, pause_reason="")
    assert mailings.resume(mailing)
    world.run(send_thread, world.ended(mailing))
    assert counts(mailing).delivered == len(server.ledger()) == 300
    assert set(Message.objects.values_list("attempts", flat=True)) == {1}, "it cost nobody a try"
