"""A mailing through every layer: expanded, leased, gated, written, sent, answered, finished."""

from __future__ import annotations

import pytest

from delivery.models import Mailing, Message, MessageState
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_ten_people_get_their_letter(smtp_server: Receiver, send_thread: SendThread) -> None:
    here = world.make(smtp_server, signed=True)
    here.people(f"p{n}@example.net" for n in range(10))
    mailing = here.mailing()

    world.run(send_thread, world.ended(mailing))

    assert mailing.state == Mailing.State.FINISHED
    assert {m.state for m in Message.objects.filter(mailing=mailing)} == {MessageState.DELIVERED}
    assert sorted(a.rcpt for a in smtp_server.ledger()) == sorted(f"p{n}@example.net" for n in range(10))
    assert counts(mailing).delivered == counts(mailing).audience == 10
    assert smtp_server.violations() == []
