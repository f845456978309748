from __future__ import annotations

import pytest
from django.test import Client

from accounts import setup
from accounts.models import Role, User, Workspace
from campaigns import editing, starters
from campaigns.models import Campaign
from contacts.models import List
from tests.factories import make_member


@pytest.fixture
def owner(db: None) -> User:
    return setup.create_owner(name="Keiko", email="keiko@minori.example", password="kurokawa-tea-42", language="en")


@pytest.fixture
def workspace(owner: User) -> Workspace:
    """A workspace with the sandbox and its 500 sample people."""
    new = Workspace(name="Minori Tea", legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    return setup.create_workspace(new, by=owner, sample_data=True)


@pytest.fixture
def signed_in(client: Client, owner: User, workspace: Workspace) -> Client:
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    client = Client()
    person = make_member(workspace, Role.VIEWER, email="view@minori.example")
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def draft(workspace: Workspace, owner: User) -> Campaign:
    """A letter that is ready to go to the sample people."""
    campaign = editing.create(workspace, owner, name="Autumn")
    starter = starters.all_of("en")[0]
    campaign = editing.save(campaign, campaign.version, starter.values(campaign), owner)
    people = List.objects.of(workspace).get()
    return editing.save(campaign, campaign.version, {"include_lists": [people.pk]}, owner)
