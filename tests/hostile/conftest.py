from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role, User, Workspace
from tests.campaigns.conftest import draft, owner, workspace
from tests.factories import make_member
from tests.servers.fixtures import *  # noqa: F403

__all__ = ["draft", "owner", "workspace"]

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def client_of(person: User, language: str = "en") -> Client:
    """Their browser; what is raised in a view is an answer of 500, as outside."""
    User.objects.filter(pk=person.pk).update(language=language)
    client = Client(raise_request_exception=False)
    client.force_login(person, backend=BACKEND)
    return client


@pytest.fixture
def browser(owner: User, workspace: Workspace) -> Client:
    """The admin's, who administers the install as well."""
    return client_of(owner)


@pytest.fixture
def japanese(workspace: Workspace) -> Client:
    """A colleague's, whose pages are in Japanese."""
    person = make_member(workspace, Role.ADMIN, email="hana@minori.example", is_install_admin=True)
    return client_of(person, "ja")
