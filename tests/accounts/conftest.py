from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Role, User, Workspace
from tests.factories import make_member, make_workspace

PASSWORD = "kurokawa-tea-42"


@pytest.fixture(autouse=True)
def light_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["tests.accounts.hashing.LightArgon2"]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def other_workspace(db: None) -> Workspace:
    return make_workspace("Another brand")


@pytest.fixture
def admin(workspace: Workspace) -> User:
    return make_member(workspace, Role.ADMIN, email="keiko@minori.example", password=PASSWORD)


@pytest.fixture
def admin_client(client: Client, admin: User) -> Client:
    client.force_login(admin, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client
