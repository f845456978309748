"""The campaign pages, from a draft to a scheduled send and back."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from campaigns import launching
from campaigns.models import Campaign
from contacts.models import List
from delivery import mailings
from delivery.models import Mailing
from delivery.queue import ticks


def url(name: str, campaign: Campaign) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.pk])


@pytest.mark.parametrize("name", ["write", "audience", "send", "report", "preview", "letter", "funnel", "tests"])
def test_every_page_of_a_draft_opens(signed_in: Client, draft: Campaign, name: str) -> None:
    assert signed_in.get(url(name, draft)).status_code == 200


@pytest.mark.parametrize("part", ["html", "text", "headers", "source"])
def test_the_preview_shows_the_letter_as_one_person(signed_in: Client, draft: Campaign, part: str) -> None:
    assert signed_in.get(url("preview", draft), {"part": part}).status_code == 200


def test_the_list_finds_a_campaign_by_its_words(signed_in: Client, draft: Campaign) -> None:
    assert b"Autumn" in signed_in.get("/campaigns", {"q": "autu"}).content
    assert b"No campaign matches" in signed_in.get("/campaigns", {"q": "winter"}).content


def test_a_new_campaign_opens_for_writing(signed_in: Client) -> None:
    response = signed_in.post("/campaigns/new")
    assert response.headers["Location"].endswith("/write")


def test_autosave_stores_and_counts_the_version(signed_in: Client, draft: Campaign) -> None:
    form = {"version": draft.version, "subject": "New tea", "kind": "html", "language": "en"}
    response = signed_in.post(url("write", draft), form, headers={"HX-Request": "true"})
    assert response.status_code == 200
    draft.refresh_from_db()
    assert (draft.subject, f'value="{draft.version}"' in response.content.decode()) == ("New tea", True)


def test_two_people_saving_the_same_campaign_lose_nothing(signed_in: Client, draft: Campaign) -> None:
    first = {"version": draft.version, "subject": "First", "kind": "html", "language": "en"}
    signed_in.post(url("write", draft), first, headers={"HX-Request": "true"})
    second = signed_in.post(url("write", draft), {**first, "subject": "Second"}, headers={"HX-Request": "true"})
    assert second.status_code == 409
    assert b"First" in second.content and b"Second" in second.content
    draft.refresh_from_db()
    assert draft.subject == "First"


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@example.com", "a\x00b", "a\u2028b", "a\x85b"])
def test_a_subject_with_a_control_character_is_refused(signed_in: Client, draft: Campaign, bad: str) -> None:
    form = {"version": draft.version, "subject": bad, "kind": "html", "language": "en"}
    response = signed_in.post(url("write", draft), form, headers={"HX-Request": "true"})
    assert response.status_code == 422
    draft.refresh_from_db()
    assert "Bcc" not in draft.subject


def test_a_template_with_an_error_says_where_and_stops_the_send(signed_in: Client, draft: Campaign) -> None:
    Campaign.objects.filter(pk=draft.pk).update(html="<p>one</p>\n<p>{{ contact.first_name </p>")
    page = signed_in.get(url("send", draft)).content.decode()
    assert "The template has an error" in page and "line 2" in page
    signed_in.post(url("schedule", draft), {"when": "now"})
    assert not Mailing.objects.exists()


def test_a_send_can_be_taken_back_while_nobody_is_queued(signed_in: Client, draft: Campaign) -> None:
    signed_in.post(url("schedule", draft), {"when": "now"})
    draft.refresh_from_db()
    assert draft.status == "scheduled"
    signed_in.post(url("undo", draft))
    draft.refresh_from_db()
    assert (draft.status, draft.mailing, Mailing.objects.count()) == ("draft", None, 0)


def test_a_launch_repeated_makes_one_mailing(signed_in: Client, draft: Campaign) -> None:
    for _ in range(2):
        signed_in.post(url("schedule", draft), {"when": "now"})
    assert Mailing.objects.count() == 1
    assert AuditEntry.objects.filter(action="campaign.schedule").count() == 1


def test_a_time_in_the_past_is_refused(signed_in: Client, draft: Campaign) -> None:
    yesterday = timezone.now() - dt.timedelta(days=1)
    form = {"when": "later", "date": yesterday.date(), "time": "09:00", "zone": "Asia/Tokyo"}
    response = signed_in.post(url("schedule", draft), form)
    assert response.status_code == 422 and b"has passed" in response.content
    assert not Mailing.objects.exists()


def test_a_viewer_reads_and_changes_nothing(viewer: Client, draft: Campaign) -> None:
    assert viewer.get(url("write", draft)).status_code == 200
    assert viewer.post(url("schedule", draft), {"when": "now"}).status_code == 403
    assert viewer.post(url("write", draft), {"version": draft.version}).status_code == 403


def test_a_duplicate_keeps_the_words_and_not_the_audience(signed_in: Client, draft: Campaign) -> None:
    signed_in.post(url("duplicate", draft))
    copy = Campaign.objects.order_by("-pk").first()
    assert copy is not None
    assert (copy.name, copy.html, copy.include_lists) == ("Autumn (copy)", draft.html, [])


def test_once_the_send_has_begun_the_audience_is_that_of_the_send(
    signed_in: Client, draft: Campaign, owner: User
) -> None:
    mailing = launching.schedule(draft, by=owner, actor=owner)
    mailings.start_now(mailing)
    ticks.advance()
    List.objects.get().subscriptions.all()[0].delete()

    page = signed_in.get(url("audience", draft)).content.decode()

    assert 'Audience <span class="n">500</span>' in page
    assert "Counted when the send began" in page and "counted again when the send begins" not in page


def test_a_save_stores_the_fields_that_were_touched_and_a_conflict_shows_no_others(
    signed_in: Client, draft: Campaign
) -> None:
    form = {"kind": "html", "language": "en", "subject": "Mine", "html": "<p>as it was</p>", "touched": "subject"}
    Campaign.objects.filter(pk=draft.pk).update(html="<p>theirs</p>", version=draft.version + 1)
    late = signed_in.post(url("write", draft), {**form, "version": draft.version}, headers={"HX-Request": "true"})
    text = late.content.decode()
    assert late.status_code == 409
    assert text.count('<th scope="row">') == 1 and '<th scope="row">Subject' in text and "as it was" not in text
    assert 'id="saved" hx-swap-oob="true"' in text and "Not saved" in text and "cloud-check" not in text
    signed_in.post(url("write", draft), {**form, "version": draft.version + 1}, headers={"HX-Request": "true"})
    draft.refresh_from_db()
    assert (draft.subject, draft.html) == ("Mine", "<p>theirs</p>")


def test_the_automatic_text_is_loaded_to_be_edited(signed_in: Client, draft: Campaign) -> None:
    html = "<p>Hello {{ contact.first_name }}</p><p>Second line</p>"
    Campaign.objects.filter(pk=draft.pk).update(html=html, text="")
    assert reverse("campaigns:text", args=[draft.pk]) in signed_in.get(url("write", draft)).content.decode()
    answer = signed_in.get(url("text", draft))
    field = answer.content.decode()
    assert "Hello {{ contact.first_name }}" in field and "Second line" in field and "&lt;p&gt;" not in field
    assert "#id_text" in answer.headers["HX-Trigger-After-Settle"]


def test_a_schedule_is_told_in_the_reader_s_zone_and_in_the_one_that_was_chosen(
    signed_in: Client, draft: Campaign, owner: User
) -> None:
    User.objects.update(time_zone="Asia/Tokyo")
    at = dt.datetime(2030, 6, 3, 9, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    launching.schedule(draft, by=owner, actor=owner, at=at, zone="Europe/Berlin")
    page = re.sub("<[^>]+>", "", signed_in.get(url("send", draft)).content.decode())
    assert "Mon 3 Jun 2030, 16:30 ·" in page and "Europe/Berlin: Mon 3 Jun 2030, 09:30" in page
