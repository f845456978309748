"""A route whose set-up is wrong: it pauses with the reason, and nobody is failed for it."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.knowledge import classify
from delivery.models import Limit, Mailing, Message, MessageState, Route
from delivery.queue.counts import counts
from delivery.queue.outcomes import refuses_us
from delivery.sender.thread import SendThread
from delivery.smtp.replies import EnhancedStatus, Phase, Reply
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("phase", "said", "reason"),
    [
        ("mail", ["530 5.7.0 Authentication required"] * 50, "login_needed"),
        ("rcpt", {"*": ["554 5.7.1 <p0@example.net>: Relay access denied"] * 50}, "relay_denied"),
        ("mail", ["554 5.7.1 Your account has been suspended"] * 50, "own_account_blocked"),
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


def test_an_account_that_is_closed_in_the_middle_pauses_the_route_and_holds_nobody(
    receivers: Any, send_thread: SendThread
) -> None:
    server = receivers({"mail": ["250 2.1.0 Ok"] * 3 + ["554 5.7.1 Your account has been suspended"] * 50})
    here = world.make(server)
    here.people(f"p{n}@example.net" for n in range(20))
    mailing = here.mailing()

    world.run(send_thread, lambda: Route.objects.get().paused_at is not None)
    send_thread.close()

    counted = counts(mailing)
    assert Route.objects.get().pause_reason == "own_account_blocked"
    assert (counted.delivered, counted.waiting, counted.held) == (3, 17, 0)


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


def test_a_from_address_that_the_smarthost_does_not_know_fails_nobody_and_stops_no_other(
    receivers: Any, send_thread: SendThread
) -> None:
    server = receivers({"mail": ["553 5.7.1 Sender address rejected: not owned by user shirase"] * 50})
    here = world.make(server)
    here.people(f"p{n}@example.net" for n in range(5))
    mailing = here.mailing()

    world.run(send_thread, lambda: counts(mailing).held == 5)

    assert Route.objects.get().paused_at is None
    assert set(Message.objects.values_list("cause", flat=True)) == {"from_not_allowed"}


@pytest.mark.parametrize(
    "said", ["554 5.7.1 Relay access denied", "553 5.7.1 Sender address rejected: not owned by user"]
)
def test_people_held_one_after_the_other_pause_the_campaign(said: str, receivers: Any, send_thread: SendThread) -> None:
    """It is no matter of single people any more: the rest is kept, and can go out once it is put right."""
    server = receivers({"mail": ["250 2.1.0 Ok"] * 3 + [said] * 3_000})
    here = world.make(server)
    Limit.objects.create(route=here.route, connections=1)  # so that it has taken three before it refuses one
    here.people(f"p{n}@example-{n}.net" for n in range(3_000))
    mailing = here.mailing()

    def paused() -> bool:
        mailing.refresh_from_db()
        return mailing.state == Mailing.State.PAUSED

    world.run(send_thread, paused)
    send_thread.close()

    counted = counts(mailing)
    causes = set(Message.objects.filter(state=MessageState.HELD).values_list("cause", flat=True))
    assert causes == {mailing.pause_reason} and Route.objects.get().paused_at is None
    assert counted.delivered == 3 and counted.held >= 20 and counted.waiting > 0 and counted.failed == 0


@pytest.mark.parametrize(
    ("code", "text", "ours"),
    [
        (535, "5.7.8 Error: authentication failed", True),
        (534, "5.7.9 Application-specific password required", True),
        (525, "5.7.13 User account disabled", True),
        (550, "5.7.30 Basic authentication is not supported", True),
        (454, "4.7.0 Temporary authentication failure", False),
    ],
)
def test_every_lasting_refusal_of_the_sign_in_is_about_us(code: int, text: str, ours: bool) -> None:
    reply = Reply(code, text, EnhancedStatus.find(text), Phase.AUTH)
    assert refuses_us(reply, classify(reply)) is ours
