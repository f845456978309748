"""How long a campaign tries: set on the draft, kept by its mailing, told by its report."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import User
from analytics.models import MailingOutcome
from campaigns import editing, launching
from campaigns.models import Campaign
from delivery.models import Deferral, Mailing, Message, MessageState, Run
from delivery.queue import ticks
from delivery.queue.outcomes import Try, decide
from delivery.queue.settle import settle
from delivery.smtp.replies import Phase, Reply

HTMX = {"HX-Request": "true"}


def url(name: str, campaign: Campaign) -> str:
    return reverse(name, args=[campaign.pk])


def hours_of(campaign: Campaign) -> int:
    campaign.refresh_from_db()
    return campaign.give_up_hours


def shown(client: Client, campaign: Campaign) -> str:
    return client.get(url("analytics:report", campaign)).content.decode()


def test_a_draft_gives_up_after_72_hours_unless_somebody_sets_less(signed_in: Client, draft: Campaign) -> None:
    assert (
        '<option value="72" selected>72 hours</option>' in signed_in.get(url("campaigns:send", draft)).content.decode()
    )
    signed_in.post(url("campaigns:give_up", draft), {"give_up_hours": "24"})
    assert hours_of(draft) == 24
    saved = signed_in.post(url("campaigns:give_up", draft), {"give_up_hours": "6"}, headers=HTMX)
    assert (saved.status_code, "Saved." in saved.headers["HX-Trigger"], hours_of(draft)) == (204, True, 6)


@pytest.mark.parametrize("bad", ["", "0", "73", "a", "1"])
def test_other_hours_change_nothing(signed_in: Client, draft: Campaign, bad: str) -> None:
    answer = signed_in.post(url("campaigns:give_up", draft), {"give_up_hours": bad}, headers=HTMX)
    assert ("HX-Trigger" in answer.headers, hours_of(draft)) == (False, 72)


def test_hours_that_a_program_chose_stay_a_choice(signed_in: Client, draft: Campaign) -> None:
    Campaign.objects.update(give_up_hours=1)
    assert '<option value="1" selected>1 hour</option>' in signed_in.get(url("campaigns:send", draft)).content.decode()


def test_a_scheduled_campaign_keeps_its_hours(signed_in: Client, draft: Campaign, owner: User) -> None:
    Campaign.objects.update(give_up_hours=24)
    mailing = launching.schedule(draft, by=owner, actor=owner)
    signed_in.post(url("campaigns:give_up", draft), {"give_up_hours": "48"})
    assert (hours_of(draft), mailing.give_up_after) == (24, dt.timedelta(hours=24))
    assert "24 hours after their first try" in signed_in.get(url("campaigns:send", draft)).content.decode()


def test_a_duplicate_gives_up_as_early(draft: Campaign, owner: User) -> None:
    Campaign.objects.update(give_up_hours=24)
    draft.refresh_from_db()
    assert editing.duplicate(draft, owner).give_up_hours == 24


def refuse(mailing: Mailing, people: list[Message]) -> None:
    later = Reply(451, "4.3.0 try later", None, Phase.RCPT)
    settle([decide(Try(one.pk), later, 0.5) for one in people], mailing=mailing.pk, lane="all", site=None)


def test_a_day_and_no_more(signed_in: Client, draft: Campaign, owner: User, settings: Any) -> None:
    settings.TIME_SCALE = 0.5
    Campaign.objects.update(give_up_hours=24)
    mailing = launching.schedule(draft, by=owner, actor=owner)
    draft.refresh_from_db()
    launching.start_now(draft, actor=owner)
    while ticks.advance():
        pass
    assert Mailing.objects.get().state == Mailing.State.SENDING

    people = list(Message.objects.filter(mailing=mailing))
    refuse(mailing, people)
    Deferral.objects.update(tried_at=timezone.now() - dt.timedelta(hours=11.9))
    refuse(mailing, people)
    assert not Message.objects.exclude(state=MessageState.DEFERRED).exists()

    Deferral.objects.update(tried_at=timezone.now() - dt.timedelta(hours=12.1))
    refuse(mailing, people)
    Run.objects.update(cursor=F("last") + 1)
    ticks.advance()
    assert Mailing.objects.get().state == Mailing.State.FINISHED
    everyone = len(people)
    assert Message.objects.filter(state=MessageState.FAILED, cause="expired").count() == everyone > 400
    MailingOutcome.objects.create(mailing=mailing, provider="gmail", outcome="failed", cause="expired", n=everyone)
    page = shown(signed_in, draft)
    assert "No. The campaign gave up after 24 hours." in page and "72 hours" not in page


def test_who_is_told_to_wait_is_promised_these_hours(signed_in: Client, draft: Campaign, owner: User) -> None:
    Campaign.objects.update(give_up_hours=24)
    mailing = launching.schedule(draft, by=owner, actor=owner)
    start = dt.datetime(2026, 11, 27, 0, 4, tzinfo=dt.UTC)
    Mailing.objects.update(state=Mailing.State.SENDING, started_at=start, expanded=2)
    mailing.tallies.create(name="deferred", n=2)
    page = shown(signed_in, draft)
    assert "Sat 28 Nov 2026" in page and "until 24 hours after their first try" in page
    with translation.override("ja"):
        User.objects.update(language="ja")
        assert "最初の送信から24時間たつまで再送" in shown(signed_in, draft)
