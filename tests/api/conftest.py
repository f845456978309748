from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts import setup
from accounts.api_keys import Scope
from accounts.models import User, Workspace
from campaigns import starters
from delivery.sender.thread import SendThread
from tests.api.caller import Caller, caller_of
from tests.servers.fixtures import *  # noqa: F403


@pytest.fixture
def owner(db: None) -> User:
    return setup.create_owner(name="Keiko", email="keiko@minori.example", password="kurokawa-tea-42", language="en")


@pytest.fixture
def workspace(owner: User) -> Workspace:
    """With the sandbox, and no people."""
    new = Workspace(name="Minori Tea", legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    return setup.create_workspace(new, by=owner, sample_data=False)


@pytest.fixture
def api(workspace: Workspace, owner: User) -> Caller:
    return caller_of(workspace, by=owner)


@pytest.fixture
def reader(workspace: Workspace) -> Caller:
    return caller_of(workspace, Scope.READ)


@pytest.fixture
def people(api: Caller) -> int:
    """A list with three people."""
    made: int = api.post("/lists", {"name": "Tea letter"})["id"]
    for name in ("hanako", "ken", "bounce+5.1.1"):
        consent = {"lists": [made], "statement": "Asked at the shop"}
        api.post("/contacts", {"address": f"{name}@mail.example", "first_name": name.title(), **consent})
    return made


@pytest.fixture
def draft(api: Caller, people: int) -> int:
    """A campaign that is ready to go to them."""
    starter = starters.all_of("en")[0]
    words = {"kind": starter.kind, "subject": starter.subject, "preheader": starter.preheader, "html": starter.body}
    content = {"name": "Autumn", **words, "include_lists": [people]}
    made: int = api.post("/campaigns", content)["id"]
    return made


@pytest.fixture
def send_thread() -> Iterator[SendThread]:
    thread = SendThread()
    yield thread
    thread.close()
