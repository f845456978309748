"""The live report asks again until nothing changes any more, and its header follows the state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Role, User
from analytics.deeds import Deed
from analytics.models import MailingDeed, MailingOutcome
from campaigns.models import Campaign
from delivery import mailings
from delivery.models import Mailing, Tally
from delivery.queue import ticks
from tests.analytics.conftest import live, mailing_of

pytestmark = pytest.mark.django_db


def test_a_stopped_report_moves_until_everybody_is_cancelled(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailings.stop(mailing_of(campaign))
    before = live(reader, campaign)
    ticks.advance()
    after = live(reader, campaign)
    assert "data-poll=" in before and "Not sent after all</dt>" not in before
    assert "Not sent after all</dt>" in after


def test_a_report_moves_for_an_hour_after_the_end_since_people_read_then(reader: Client, campaign: Campaign) -> None:
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now() - dt.timedelta(minutes=59))
    assert "data-poll=" in live(reader, campaign)
    Mailing.objects.update(finished_at=timezone.now() - dt.timedelta(minutes=61))
    assert "data-poll=" not in live(reader, campaign)


def test_the_header_and_the_buttons_come_with_the_figures(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    sending = live(reader, campaign)
    mailings.pause(mailing_of(campaign))
    paused = live(reader, campaign)
    for text, state, button, other in ((sending, "sending", "pause", "resume"), (paused, "paused", "resume", "pause")):
        assert f'id="head" data-state="{state}" hx-swap-oob="true"' in text
        assert f'id="{button}"' in text and f'id="{other}"' not in text


def test_a_report_opened_before_the_start_moves_by_itself(reader: Client, campaign: Campaign) -> None:
    Mailing.objects.update(start_at=timezone.now() + dt.timedelta(seconds=30))
    page = reader.get(reverse("campaigns:report", args=[campaign.pk])).content.decode()
    assert f'hx-get="{reverse("analytics:report", args=[campaign.pk])}"' in page
    Campaign.objects.update(send_at=timezone.now() + dt.timedelta(seconds=30))
    text = live(reader, campaign)
    assert "data-poll=" in text and "It starts in a moment" in text and "data-countdown=" in text
    assert f'action="{reverse("campaigns:undo", args=[campaign.pk])}"' in text
    Campaign.objects.update(zone="Asia/Tokyo")
    assert "It starts later" in live(reader, campaign)
    mailings.start_now(mailing_of(campaign))
    ticks.advance()
    assert "people finished" in live(reader, campaign)


def test_a_report_of_a_send_that_was_taken_back_says_so_and_rests(reader: Client, campaign: Campaign) -> None:
    Mailing.objects.update(start_at=timezone.now() + dt.timedelta(seconds=30))
    mailing = mailing_of(campaign)
    Campaign.objects.update(mailing=None, state=Campaign.State.DRAFT)
    mailing.delete()
    text = live(reader, campaign)
    assert "Nothing sent yet" in text and "data-poll=" not in text and 'data-state="draft"' in text


def test_an_answer_that_the_browser_has_is_not_sent_again(reader: Client, campaign: Campaign) -> None:
    url = reverse("analytics:report", args=[campaign.pk])
    tag = reader.get(url).headers["ETag"]
    assert reader.get(url, headers={"If-None-Match": tag}).status_code == 304
    ticks.advance()
    assert reader.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_an_answer_is_sent_again_in_another_language_to_another_role_and_after_another_sign_in(
    reader: Client, campaign: Campaign
) -> None:
    ticks.advance()
    url = reverse("analytics:report", args=[campaign.pk])
    changes: list[Callable[[], object]] = [
        lambda: User.objects.update(language="ja"),
        lambda: User.objects.update(time_zone="Europe/Berlin"),
        lambda: Membership.objects.update(role=Role.VIEWER),
        lambda: reader.cookies.pop("csrftoken"),
    ]
    for change in changes:
        tag = reader.get(url).headers["ETag"]
        assert reader.get(url, headers={"If-None-Match": tag}).status_code == 304
        change()
        assert reader.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_after_a_stop_it_says_what_was_sent_and_what_was_not(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailings.stop(mailing_of(campaign))
    ticks.advance()
    text = live(reader, campaign)
    assert "stopped after 0 of 2 people" in text and "people finished" not in text
    assert "2 people were not, and are kept as “Not sent after all”" in text
    assert f"{reverse('delivery:people', args=[mailing_of(campaign).pk])}?outcome=not_sent" in text
    assert '<span class="percent">0%</span>' in text and 'data-milestone="0-stopped"' in text


def test_a_stop_says_at_once_who_is_left_out(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    Tally.objects.create(mailing=mailing_of(campaign), name="delivered", n=1)
    mailings.stop(mailing_of(campaign))
    text = live(reader, campaign)
    assert "stopped after 1 of 2 people" in text
    assert "1 person was sent to." in text and "1 person was not, and is kept" in text


def test_pause_and_resume_say_before_what_they_do(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    assert "What is on the way finishes, everybody else is kept" in live(reader, campaign)
    mailings.pause(mailing_of(campaign))
    assert "it goes on where it was" in live(reader, campaign)


def test_one_click_by_a_machine_is_one(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    Tally.objects.create(mailing=mailing_of(campaign), name="delivered", n=2)
    MailingDeed.objects.create(mailing=mailing_of(campaign), deed=Deed.MACHINE_CLICKS, n=1)
    assert "1 click by a machine not counted" in live(reader, campaign)


@pytest.mark.parametrize(("people", "said"), [(49, ">49 <"), (50, '>50 <span class="quiet part">100%</span><')])
def test_a_provider_has_shares_only_if_it_has_people_for_them(
    reader: Client, campaign: Campaign, people: int, said: str
) -> None:
    ticks.advance()
    MailingOutcome.objects.create(mailing=mailing_of(campaign), provider="gmail", outcome="delivered", n=people)
    row = live(reader, campaign).partition(">Gmail<")[2].partition("</tr>")[0]
    assert said.replace(" <", "<") in row.replace(" <", "<")
    assert ("%" in row) == (people >= 50)


def test_one_person_is_one_person(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    Tally.objects.create(mailing=mailing_of(campaign), name="delivered", n=1)
    mailings.pause(mailing_of(campaign))
    assert "1 person is kept; resume any time." in live(reader, campaign)
    overview = reader.get(reverse("analytics:overview")).content.decode()
    assert "A member of your team paused it. 1 person is waiting." in overview


def test_the_chip_of_the_running_send_follows_too(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    chip = live(reader, campaign).partition('id="running"')[2]
    assert 'data-state="0%" hx-swap-oob="true"' in chip and "<b>0%</b>" in chip
    mailings.stop(mailing_of(campaign))
    chip = live(reader, campaign).partition('id="running"')[2]
    assert "chip-run" not in chip
