"""A pause keeps everybody, however long it lasts; a domain taken out of service pauses what is sending."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db.models import F

from delivery import domains, mailings
from delivery.models import Mailing, Message, MessageState
from delivery.queue import ticks
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db


def sending() -> tuple[world.World, Mailing]:
    here = world.make()
    here.people(["a@example.com", "b@example.com"])
    mailing = here.mailing()
    while ticks.advance() or Mailing.objects.get(pk=mailing.pk).state != Mailing.State.SENDING:
        pass
    return here, mailing


def test_a_weekend_of_pause_fails_nobody() -> None:
    _here, mailing = sending()
    assert mailings.pause(mailing, "login_refused")
    away = dt.timedelta(hours=80)
    Mailing.objects.update(started_at=F("started_at") - away, paused_at=F("paused_at") - away)
    mailing.refresh_from_db()
    assert mailings.resume(mailing)
    ticks.advance()
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.QUEUED}
    mailing.refresh_from_db()
    assert (mailing.state, mailing.paused_at) == (Mailing.State.SENDING, None)


def test_a_domain_that_is_no_longer_live_sends_nothing_more() -> None:
    here, mailing = sending()
    domains.leave_live(here.from_address.sending_domain, actor=None)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED


def test_a_domain_that_goes_while_the_audience_is_counted_sends_nothing() -> None:
    here = world.make()
    here.people(["a@example.com"])
    mailing = here.mailing()
    ticks.start_due()
    domains.leave_live(here.from_address.sending_domain, actor=None)
    ticks.advance()
    mailing.refresh_from_db()
    assert (mailing.state, mailing.expanded) == (Mailing.State.PAUSED, 1)
