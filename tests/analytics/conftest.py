"""A campaign of two people that is about to begin, and somebody who reads its report."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from delivery.models import Mailing
from tests.delivery.queue import world as worlds
from tests.factories import make_member


@pytest.fixture
def campaign(db: None) -> Campaign:
    """To two people, about to begin."""
    world = worlds.make()
    world.people(["a@example.com", "b@example.com"])
    return Campaign.objects.create(
        workspace=world.workspace, name="October", mailing=world.mailing(), state=Campaign.State.SCHEDULED
    )


@pytest.fixture
def reader(client: Client, campaign: Campaign) -> Client:
    """An admin of the workspace."""
    client.force_login(make_member(campaign.workspace), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def mailing_of(campaign: Campaign) -> Mailing:
    """As it is in the database now."""
    campaign.refresh_from_db()
    assert campaign.mailing is not None
    return campaign.mailing


def live(reader: Client, campaign: Campaign) -> str:
    """The part of the report that the page asks for."""
    return reader.get(reverse("analytics:report", args=[campaign.pk])).content.decode()
