"""What waits: for the DNS, which must say the same of a domain; for a message whose person may be erased meanwhile. A
mailbox that stayed full until we gave up counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery import erasing
from delivery.bounces import effects
from delivery.bounces.taking import take
from delivery.models import AddressFailure, Domain, IncomingReport, Inlet, Message, MessageState
from delivery.queue import remainders
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from tests.delivery.bounces.coming_back import bounce
from tests.delivery.bounces.mails import dsn, return_path
from tests.delivery.queue import world
from tests.servers.dns import Dns

pytestmark = pytest.mark.django_db

Deed, Result = IncomingReport.Deed, IncomingReport.Result
GONE = "550 5.1.2 Host or domain name not found"


def test_a_domain_rests_when_the_dns_agrees_and_at_no_ones_mere_word(dns_server: Dns, settings: Any) -> None:
    settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX = dns_server.address, True
    dns_server.set("alive.example", {"MX": ["10 mx.alive.example"]})
    dns_server.set("mx.alive.example", {"A": ["127.0.0.1"]})
    dns_server.set("silent.example", "SERVFAIL")
    here = world.make()
    here.people(["p@alive.example", "p@gone.example", "p@silent.example"])
    messages = world.told(world.expanded(here)[0].mailing)
    rows = {}
    for message in messages:
        taken = take(dsn(message.rcpt, GONE), inlet=Inlet.LISTENER, rcpt=return_path(message))
        rows[message.domain.name] = IncomingReport.objects.get(pk=taken.report)
    assert {row.result for row in rows.values()} == {Result.WAITING}
    effects.advance()
    for row in rows.values():
        row.refresh_from_db()
    assert rows["gone.example"].deeds == [Deed.BOUNCED, Deed.RESTED]
    assert (rows["alive.example"].result, rows["alive.example"].deeds) == (Result.DONE, [Deed.BOUNCED])
    assert rows["silent.example"].result == Result.WAITING
    resting = Domain.objects.filter(rests_until__gt=timezone.now() + timedelta(days=6))
    assert list(resting.values_list("name", flat=True)) == ["gone.example"]
    assert not AddressFailure.objects.exists(), "it is about the domain, not about the person"

    IncomingReport.objects.update(received_at=timezone.now() - timedelta(minutes=16))
    effects.advance()
    rows["silent.example"].refresh_from_db()
    assert (rows["silent.example"].result, rows["silent.example"].deeds) == (Result.DONE, [Deed.BOUNCED])


def test_a_mailbox_that_stayed_full_until_we_gave_up_counts_and_a_busy_server_does_not() -> None:
    mailing = world.sending(2)
    full, busy = Message.objects.filter(mailing=mailing).order_by("pk")
    waiting = [
        Outcome(message.pk, MessageState.DEFERRED, cause, delay=60.0, costs=1)
        for message, cause in ((full, "mailbox_full"), (busy, "remote_busy"))
    ]
    settle(waiting, mailing=mailing.pk, lane="all", site=None)
    while remainders.expire_slice(mailing.pk):
        pass
    assert set(Message.objects.values_list("state", "cause")) == {(MessageState.FAILED, "expired")}
    (row,) = AddressFailure.objects.all()
    assert (row.message_id, row.reason, row.state) == (full.pk, "full", AddressFailure.State.COUNTED)


def test_a_report_that_waits_says_nothing_once_its_person_is_erased() -> None:
    mailing = world.sending(1)
    message = Message.objects.select_related("contact").get(mailing=mailing)
    row = bounce(message)
    world.told(mailing, MessageState.UNCERTAIN)
    assert message.contact is not None
    erasing.forget(message.contact)
    effects.advance()
    row.refresh_from_db()
    message.refresh_from_db()
    assert (row.result, message.state) == (Result.GONE, MessageState.UNCERTAIN)
