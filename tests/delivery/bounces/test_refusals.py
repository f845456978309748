"""Whoever refuses us for what we are makes the route, the provider over it or the domain pause: but not alone."""

from __future__ import annotations

from itertools import count

import pytest

from delivery import refusal_brakes
from delivery.bounces.taking import take
from delivery.models import Bucket, Domain, Inlet, Mailing, Message, Refusals, Route, Site
from delivery.queue import ticks
from tests.delivery.bounces.mails import dsn, return_path
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db

LISTED = "554 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org"
UNPROVED = "550 5.7.26 This mail has been blocked because the sender is unauthenticated"
_number = count()


def sent(domains: int, people: int = 30, kind: str = "smarthost") -> list[Message]:
    """Delivered, to people at so many domains."""
    here = world.make()
    Route.objects.filter(pk=here.route.pk).update(kind=kind)
    here.people(f"p{n}@d{n % domains}.example" for n in range(people))
    return world.told(world.expanded(here)[0].mailing)


def refuse(messages: list[Message], said: str) -> None:
    for message in messages:
        raw = dsn(message.rcpt, said, subject=str(next(_number)))
        take(raw, inlet=Inlet.LISTENER, rcpt=return_path(message))


def test_a_route_pauses_when_several_refuse_it_and_says_why() -> None:
    messages = sent(domains=3)
    refuse(messages[: refusal_brakes.LEAST - 1], LISTED)
    ticks.advance()
    route = Route.objects.get(mailings=messages[0].mailing)
    assert route.paused_at is None
    refuse(messages[refusal_brakes.LEAST - 1 :], LISTED)
    ticks.advance()
    route.refresh_from_db()
    assert route.paused_at is not None and route.pause_reason == "blocklist_spamhaus"

    Route.objects.update(paused_at=None, pause_reason="")
    ticks.advance()
    route.refresh_from_db()
    assert route.paused_at is None, "who resumed it is not contradicted for the same refusals"


def test_one_firm_that_refuses_us_does_not_stop_the_route() -> None:
    messages = sent(domains=1)
    refuse(messages, LISTED)
    assert Refusals.objects.get().n == len(messages)
    assert refusal_brakes.look() == 0


def test_a_provider_that_refuses_us_pauses_over_this_route_only() -> None:
    messages = sent(domains=2, kind="direct")
    site = Site.objects.create(key="mx.d0.example")
    Domain.objects.filter(name="d0.example").update(site=site)
    messages = [message for message in messages if message.domain.name == "d0.example"]
    refuse(messages, LISTED)
    assert refusal_brakes.look() == 0, "fifteen"
    Refusals.objects.update(n=refusal_brakes.LEAST)
    assert refusal_brakes.look() == 1
    route = Route.objects.get(mailings=messages[0].mailing)
    bucket = Bucket.objects.get(key=f"route:{route.pk}/site:{site.pk}")
    assert bucket.paused_at is not None and bucket.closed_cause == "blocklist_spamhaus"
    assert route.paused_at is None


def test_a_sending_domain_that_is_not_believed_pauses_its_campaigns() -> None:
    messages = sent(domains=1)
    Mailing.objects.update(state=Mailing.State.SENDING)  # others of it would still go out
    refuse(messages[:-1], UNPROVED)
    refusal_brakes.look()
    mailing = Mailing.objects.get()
    assert (mailing.state, mailing.pause_reason) == (Mailing.State.PAUSED, "unauthenticated")


def test_what_is_about_the_letter_or_the_person_pauses_nothing_of_ours() -> None:
    messages = sent(domains=3)
    refuse(messages[:10], "554 5.7.1 message looks like spam")
    refuse(messages[10:20], "550 5.1.1 User unknown")
    assert not Refusals.objects.exists()
