from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from accounts import setup
from accounts.models import Membership, Role, User, Workspace
from accounts.setup import AlreadySetUp, NewWorkspace

OWNER = {"name": "Keiko Mori", "email": "Keiko@Minori.example", "password": "kurokawa-tea-42"}
ORGANISATION = {
    "name": "Minori Tea",
    "legal_name": "Minori Tea Co., Ltd.",
    "postal_address": "1-2-3 Midori\nMihon City",
    "language": "ja",
    "time_zone": "Asia/Tokyo",
    "sample_data": "on",
}


@pytest.fixture
def furnished(monkeypatch: pytest.MonkeyPatch) -> list[NewWorkspace]:
    """What the hooks of other apps were told; theirs have tests of their own."""
    told: list[NewWorkspace] = []
    monkeypatch.setattr(setup, "_hooks", [told.append])
    return told


@pytest.mark.django_db
def test_setup_makes_owner_and_workspace_and_ends_on_the_overview(
    client: Client, furnished: list[NewWorkspace]
) -> None:
    assert client.post("/setup", OWNER).headers["Location"] == "/setup"
    assert client.post("/setup", ORGANISATION).headers["Location"] == "/"
    user, workspace = User.objects.get(), Workspace.objects.get()
    assert (user.email, user.is_install_admin, user.time_zone) == ("keiko@minori.example", True, "Asia/Tokyo")
    assert Membership.objects.get(user=user, workspace=workspace).role == Role.ADMIN
    assert workspace.has_legal_block
    assert furnished == [NewWorkspace(workspace, user, sample_data=True)]


@pytest.mark.django_db
def test_every_page_of_an_empty_install_leads_to_setup(client: Client) -> None:
    for path in ("/login", "/settings", "/settings/team", "/jobs/1"):
        assert client.get(path).headers["Location"] == "/setup"


@pytest.mark.django_db
def test_setup_refuses_a_second_time(client: Client, furnished: list[NewWorkspace]) -> None:
    client.post("/setup", OWNER)
    client.post("/setup", ORGANISATION)
    for visitor in (client, Client()):
        for answer in (visitor.get("/setup"), visitor.post("/setup", {**OWNER, "email": "mallory@minori.example"})):
            assert answer.status_code == 403
    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_between_the_steps_only_the_owner_goes_on(client: Client, furnished: list[NewWorkspace]) -> None:
    client.post("/setup", OWNER)
    assert Client().post("/setup", ORGANISATION).headers["Location"] == "/login"
    assert not Workspace.objects.exists()
    assert client.get("/setup").status_code == 200
    assert client.get("/settings", follow=True).redirect_chain[-1][0] == "/setup"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("password", "short", "at least 10"),
        ("password", "1234567890", "too common"),
        ("password", "Keiko Mori", "too similar"),
        ("email", "a@b>\r\nRCPT TO:<x@y", "valid email"),
        ("name", "Keiko\x00", "(?i)null characters|control character"),
        ("name", "Keiko\u2028Bcc: x", "control character at position 6"),
        ("email", "keiko@" + "a" * 60 + ".minori" * 40 + ".example", "at most 254 characters"),
    ],
)
def test_a_refused_owner_changes_nothing(client: Client, field: str, value: str, why: str) -> None:
    answer = client.post("/setup", {**OWNER, field: value})
    assert answer.status_code == 422
    assert re.search(why, answer.content.decode())
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_nul_is_named_in_japanese_too(client: Client) -> None:
    answer = client.post("/setup", {**OWNER, "name": "Keiko\0"}, headers={"Accept-Language": "ja"})
    assert answer.status_code == 422
    assert "NUL文字は使えません。" in answer.content.decode() and "何か文字を入力" not in answer.content.decode()


@pytest.mark.django_db
def test_a_sender_without_an_address_is_refused(client: Client, furnished: list[NewWorkspace]) -> None:
    client.post("/setup", OWNER)
    answer = client.post("/setup", {**ORGANISATION, "postal_address": "  "})
    assert answer.status_code == 422
    assert "Postal address" in answer.content.decode() and not Workspace.objects.exists()


@pytest.mark.django_db
def test_the_page_says_how_the_server_is(client: Client) -> None:
    page = client.get("/setup").content.decode()
    assert "PostgreSQL answers in" in page and "GB free" in page


def test_two_visitors_at_once_make_one_owner(transactional_db: None) -> None:
    def attempt(number: int) -> bool:
        try:
            setup.create_owner(name="A", email=f"a{number}@minori.example", password="x", language="en")
        except AlreadySetUp:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1
    assert User.objects.count() == 1
