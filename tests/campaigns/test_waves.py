"""The safety wave: on by itself for many, set on the draft, kept by its mailing, ended by a person."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from campaigns import editing, launching, wave_words
from campaigns.models import Campaign
from delivery.models import Mailing

HTMX = {"HX-Request": "true"}


def url(name: str, campaign: Campaign) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.pk])


@pytest.mark.parametrize(("receiving", "people"), [(19_999, 0), (20_000, 1_000)])
def test_there_is_one_by_itself_for_twenty_thousand_people(draft: Campaign, receiving: int, people: int) -> None:
    draft.counted = {"receiving": receiving}
    assert draft.wave == people


def test_it_is_chosen_on_the_draft_and_kept_by_the_mailing(signed_in: Client, draft: Campaign, owner: User) -> None:
    assert "None: everybody at once" in signed_in.get(url("send", draft)).content.decode()
    saved = signed_in.post(url("wave", draft), {"wave_size": "500", "wave_minutes": "60"}, headers=HTMX)
    refused = signed_in.post(url("wave", draft), {"wave_size": "7", "wave_minutes": "60"}, headers=HTMX)
    draft.refresh_from_db()
    assert "Saved." in saved.headers["HX-Trigger"] and "HX-Trigger" not in refused.headers
    assert (draft.wave, draft.wave_minutes, editing.duplicate(draft, owner).wave_size) == (500, 60, 500)
    draft.counted = {"receiving": 2_000}
    assert wave_words.planned(draft) == "First 500 people; the others 60 minutes after these were answered."
    mailing = launching.schedule(draft, by=owner, actor=owner)
    assert (mailing.wave_size, mailing.wave_wait) == (500, dt.timedelta(hours=1))


def test_a_person_sees_it_wait_and_ends_it(signed_in: Client, draft: Campaign, owner: User) -> None:
    launching.schedule(draft, by=owner, actor=owner)
    until = timezone.now() + dt.timedelta(minutes=30)
    figures = {"number": 38, "of": 100, "percent": 20.0}
    Mailing.objects.update(
        state=Mailing.State.PAUSED, pause_reason="many_blocks", pause_figures=figures,
        started_at=timezone.now(), expanded=5_000, wave_size=100, wave_until=until,
    )  # fmt: skip
    held = signed_in.get(reverse("analytics:report", args=[draft.pk])).content.decode()
    assert "38 of the last 100 tries were refused" in held and url("go_on", draft) in held
    assert "To go on would make it worse." in held, "what it means"
    Mailing.objects.update(state=Mailing.State.SENDING)
    shown = signed_in.get(reverse("analytics:report", args=[draft.pk])).content.decode()
    listed = signed_in.get(reverse("campaigns:list")).content.decode()
    assert "Safety wave: waiting until" in shown and "Safety wave: waiting until" in listed

    signed_in.post(url("go_on", draft))
    mailing = Mailing.objects.get()
    assert mailing.wave_over_at and mailing.state == Mailing.State.SENDING
    assert url("go_on", draft) not in signed_in.get(reverse("analytics:report", args=[draft.pk])).content.decode()
