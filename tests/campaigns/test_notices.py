"""Whoever scheduled a campaign is told how it went, once, in their language."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone, translation

from accounts import notices as told
from accounts.models import Notice, User
from campaigns import launching, notices, rechecking
from campaigns.models import Campaign
from delivery import mailings
from delivery.models import Mailing, Tally

pytestmark = pytest.mark.django_db


@pytest.fixture
def sending(draft: Campaign, owner: User) -> Campaign:
    launching.schedule(draft, by=owner, actor=owner)
    draft.refresh_from_db()
    Mailing.objects.update(state=Mailing.State.SENDING, started_at=timezone.now(), expanded=500)
    return draft


def mailing_of(campaign: Campaign) -> Mailing:
    return Mailing.objects.get(campaign=campaign)


def test_a_finished_campaign_is_told_once(sending: Campaign) -> None:
    Tally.add(mailing_of(sending).pk, "delivered", 490)
    Tally.add(mailing_of(sending).pk, "failed", 10)
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now())
    assert (notices.announce(), notices.announce()) == (1, 0)
    notice = Notice.objects.get()
    assert "490 of 500 delivered, 10 failed" in told.text(notice)
    with translation.override("ja"):
        assert told.text(notice) != ""


def test_a_campaign_that_paused_itself_is_told_with_the_cause(sending: Campaign) -> None:
    mailings.pause(mailing_of(sending), "login_refused")
    assert (notices.announce(), notices.announce()) == (1, 0)
    assert "paused itself" in told.text(Notice.objects.get())


def test_nobody_is_told_of_a_pause_they_made(sending: Campaign, owner: User) -> None:
    launching.pause(sending, actor=owner)
    assert notices.announce() == 0


def test_held_people_are_told(sending: Campaign) -> None:
    Tally.add(mailing_of(sending).pk, "held", 3)
    assert (notices.announce(), notices.announce()) == (1, 0)
    assert "3 people are held" in told.text(Notice.objects.get())
    assert "1 person is held and waits" in notices.held_words({"name": "October", "held": 1})


def test_a_scheduled_send_that_went_red_is_taken_back_and_told(draft: Campaign, owner: User) -> None:
    soon = timezone.now() + dt.timedelta(seconds=20)
    launching.schedule(draft, by=owner, actor=owner, at=soon, zone="Asia/Tokyo")
    assert rechecking.recheck() == 0
    Campaign.objects.update(include_lists=[])
    assert rechecking.recheck() == 1
    draft.refresh_from_db()
    assert (draft.status, Mailing.objects.count()) == ("draft", 0)
    assert "was not sent: No audience is chosen" in told.text(Notice.objects.get())


def test_a_pause_by_the_brakes_says_what_was_counted(sending: Campaign) -> None:
    figures = {"number": 38, "of": 200, "percent": 10.0}
    mailings.pause(mailing_of(sending), "many_unknown_users", figures)
    notices.announce()
    said = told.text(Notice.objects.get())
    assert "38 of the last 200 tries went to addresses that do not exist; the limit is 10%." in said
