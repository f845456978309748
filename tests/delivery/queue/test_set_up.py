"""A route whose set-up is wrong: it pauses with the reason, and nobody is failed for it."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.models import Mailing, Message, MessageState, Route
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("phase", "said", "reason"),
    [
        ("mail", ["530 5.7.0 Authentication required"] * 50, "login_needed"),
        ("rcpt", {"*": ["554 5.7.1 <p0@example.net>: Relay access denied"] * 50}, "relay_denied"),
    ],
)
def test_a_smarthost_that_refuses_us_pauses_the_route_and_fails_nobody(
    phase: str, said: Any, reason: str, receivers: Any, send_thread: SendThread
) -> None:
    """It wants a sign-in, or relays for nobody."""
    server = receivers({phase: said})
    here = world.make(server)
    here.people(f"p{n}@example.net" for n in range(5))
    mailing = here.mailing()

    world.run(send_thread, lambda: Route.objects.get().paused_at is not None)
    send_thread.close()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.pause_reason) == (Mailing.State.PAUSED, Route.objects.get().pause_reason)
    assert mailing.pause_reason == reason
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.QUEUED, 0)}


def test_one_domain_that_a_working_smarthost_does_not_relay_to_is_held_for_a_person(
    receivers: Any, send_thread: SendThread
) -> None:
    server = receivers({"rcpt": {"elsewhere": ["550 5.7.54 Unable to relay recipient in non-accepted domain"]}})
    here = world.make(server)
    here.people([*(f"p{n}@example.net" for n in range(20)), "elsewhere@example.org"])
    mailing = here.mailing()

    world.run(send_thread, lambda: counts(mailing).held == 1 and counts(mailing).delivered == 20)

    assert Route.objects.get().paused_at is None
    assert Message.objects.get(rcpt="elsewhere@example.org").cause == "relay_denied"
