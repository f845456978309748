from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.api_keys import Scope
from accounts.models import User, Workspace
from campaigns import starters
from delivery.furnishing import sandbox_address
from delivery.sender.thread import SendThread
from tests.api.caller import Caller, caller_of
from tests.factories import make_member, make_workspace
from tests.servers.fixtures import *  # noqa: F403


@pytest.fixture
def workspace(db: None) -> Workspace:
    """With the sandbox, and no people."""
    made = make_workspace(legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    sandbox_address(made)
    return made


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return make_member(workspace, is_install_admin=True)


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
