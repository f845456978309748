from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role, User, Workspace
from contacts.models import Contact, List
from tests.contacts.pages import sign_in


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(name="Minori Tea")


@pytest.fixture
def other_workspace(db: None) -> Workspace:
    return Workspace.objects.create(name="Another brand")


@pytest.fixture
def member(db: None) -> User:
    return User.objects.create_user(email="keiko@minori.example", password="a long pass phrase")


@pytest.fixture
def news(workspace: Workspace) -> List:
    return List.objects.create(workspace=workspace, name="News", list_id_label="news")


@pytest.fixture
def tea_club(workspace: Workspace) -> List:
    return List.objects.create(workspace=workspace, name="Tea club", list_id_label="tea-club")


@pytest.fixture
def hanako(workspace: Workspace) -> Contact:
    return Contact.objects.create(
        workspace=workspace,
        address="Hanako@docomo.example",
        address_key="hanako@docomo.example",
        domain="docomo.example",
        first_name="花子",
        last_name="山田",
    )


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return sign_in(workspace, Role.ADMIN)
