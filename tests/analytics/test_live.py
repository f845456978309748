"""The live report asks again until nothing changes any more, and its header follows the state."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from delivery import mailings
from delivery.models import Mailing
from delivery.queue import ticks
from tests.delivery.queue import world as worlds
from tests.factories import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """To two people, about to begin."""
    world = worlds.make()
    world.people(["a@example.com", "b@example.com"])
    return Campaign.objects.create(
        workspace=world.workspace, name="October", mailing=world.mailing(), state=Campaign.State.SCHEDULED
    )


@pytest.fixture
def reader(client: Client, campaign: Campaign) -> Client:
    member = make_member(campaign.workspace)
    client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def mailing_of(campaign: Campaign) -> Mailing:
    campaign.refresh_from_db()
    assert campaign.mailing is not None
    return campaign.mailing


def live(reader: Client, campaign: Campaign) -> str:
    return reader.get(reverse("analytics:report", args=[campaign.pk])).content.decode()


def test_a_stopped_report_moves_until_everybody_is_cancelled(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailings.stop(mailing_of(campaign))
    before = live(reader, campaign)
    ticks.advance()
    after = live(reader, campaign)
    assert "data-poll=" in before and "Not sent after all" not in before
    assert "Not sent after all" in after


def test_a_report_moves_for_an_hour_after_the_end_since_people_read_then(reader: Client, campaign: Campaign) -> None:
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now() - dt.timedelta(minutes=59))
    assert "data-poll=" in live(reader, campaign)
    Mailing.objects.update(finished_at=timezone.now() - dt.timedelta(minutes=61))
    assert "data-poll=" not in live(reader, campaign)
