from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role, User, Workspace
from campaigns import editing, starters
from campaigns.models import Campaign
from contacts import people
from contacts.addresses import Address, parse
from contacts.models import List
from delivery.furnishing import sandbox_address
from tests.factories import make_member, make_workspace
from tests.servers.fixtures import *  # noqa: F403

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def client_of(person: User, language: str = "en") -> Client:
    """Their browser; what is raised in a view is an answer of 500, as outside."""
    User.objects.filter(pk=person.pk).update(language=language)
    client = Client(raise_request_exception=False)
    client.force_login(person, backend=BACKEND)
    return client


@pytest.fixture
def workspace(db: None) -> Workspace:
    """With the sandbox, and nobody in it."""
    made = make_workspace(legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    sandbox_address(made)
    return made


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return make_member(workspace, Role.ADMIN, email="keiko@minori.example", is_install_admin=True)


@pytest.fixture
def draft(workspace: Workspace, owner: User) -> Campaign:
    """A letter that is ready to go to one person."""
    news = List.objects.create(workspace=workspace, name="News", list_id_label="news")
    address = parse("hanako@mail.example")
    assert isinstance(address, Address)
    people.add(workspace, address, {"first_name": "Hanako"}, lists=[news], statement="Asked")
    campaign = editing.create(workspace, owner, name="Autumn", include_lists=[news.pk])
    return editing.save(campaign, campaign.version, starters.all_of("en")[0].values(campaign), owner)


@pytest.fixture
def browser(owner: User) -> Client:
    """The admin's, who administers the install as well."""
    return client_of(owner)


@pytest.fixture
def japanese(workspace: Workspace) -> Client:
    """A colleague's, whose pages are in Japanese."""
    return client_of(make_member(workspace, Role.ADMIN, email="hana@minori.example", name="Hana"), "ja")
