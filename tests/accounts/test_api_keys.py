from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.api_keys import Scope, in_networks
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, AuditEntry, User, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(workspace: Workspace) -> tuple[ApiKey, str]:
    return api_keys.create(workspace, name="Shop", scopes=[Scope.SEND], by=None)


def test_a_token_opens_its_own_workspace(made: tuple[ApiKey, str], workspace: Workspace) -> None:
    key = api_keys.authenticate(made[1])
    assert key == made[0] and key.workspace == workspace


def test_the_token_is_nowhere_in_the_database(made: tuple[ApiKey, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM accounts_apikey k")
        assert made[1].rsplit("_", 1)[1] not in str(cursor.fetchall())


def test_wrong_tokens_open_nothing(made: tuple[ApiKey, str]) -> None:
    key, token = made
    for wrong in ("", "shr_", token[:-1], token + "x", key.prefix, f"{key.prefix}_", token.swapcase(), "x" * 5000):
        assert api_keys.authenticate(wrong) is None


def test_a_revoked_key_stops_at_once(made: tuple[ApiKey, str]) -> None:
    assert api_keys.revoke(made[0])
    assert api_keys.authenticate(made[1]) is None
    assert not api_keys.revoke(made[0])


def test_an_expired_key_stops(workspace: Workspace) -> None:
    now = timezone.now()
    _key, token = api_keys.create(workspace, name="Shop", scopes=[], by=None, expires_at=now + dt.timedelta(days=30))
    assert api_keys.authenticate(token, now=now + dt.timedelta(days=29))
    assert api_keys.authenticate(token, now=now + dt.timedelta(days=30)) is None


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("198.51.100.7", [], True),
        ("203.0.113.9", ["203.0.113.0/24"], True),
        ("203.0.114.9", ["203.0.113.0/24"], False),
        ("2001:db8::1", ["203.0.113.0/24", "2001:db8::/32"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("::ffff:203.0.113.9", ["203.0.113.0/24"], True),
        ("", ["203.0.113.0/24"], False),
        ("not an address", ["0.0.0.0/0"], False),
    ],
)
def test_networks_limit_where_a_key_works(address: str, networks: list[str], allowed: bool) -> None:
    assert in_networks(address, networks) is allowed


def test_every_key_may_read_and_only_what_was_ticked(made: tuple[ApiKey, str]) -> None:
    assert {scope for scope in Scope if api_keys.allows(made[0], scope)} == {Scope.READ, Scope.SEND}


def test_the_last_use_is_noted_once_a_minute(made: tuple[ApiKey, str], django_assert_num_queries) -> None:
    now = timezone.now()
    api_keys.authenticate(made[1], now=now)
    with django_assert_num_queries(1):
        api_keys.authenticate(made[1], now=now + dt.timedelta(seconds=59))
    api_keys.authenticate(made[1], now=now + dt.timedelta(seconds=61))
    assert ApiKey.objects.get().last_used_at == now + dt.timedelta(seconds=61)


def test_the_page_shows_a_new_token_once(admin_client: Client, admin: User) -> None:
    answer = admin_client.post("/settings/api-keys", {"name": "Shop", "scopes": ["send"], "days": "30"})
    token = answer.context["token"]
    assert token in answer.content.decode() and "no-store" in answer.headers["Cache-Control"]
    assert api_keys.authenticate(token)
    later = admin_client.get("/settings/api-keys").content.decode()
    assert token not in later and ApiKey.objects.get().prefix in later
    assert token not in str(admin_client.session.items())
    assert AuditEntry.objects.get(action="api_key.created").actor == admin


def test_a_network_that_is_none_is_named(admin_client: Client) -> None:
    answer = admin_client.post("/settings/api-keys", {"name": "Shop", "days": "0", "networks": "203.0.113.0/24\nhome"})
    assert answer.status_code == 422
    assert "“home” is no address or network" in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_name_with_a_line_break_is_refused(admin_client: Client) -> None:
    answer = admin_client.post("/settings/api-keys", {"name": "Shop\x00Bcc", "days": "0"})
    assert answer.status_code == 422 and not ApiKey.objects.exists()


def test_revoking_on_the_page_stops_the_key(admin_client: Client, made: tuple[ApiKey, str]) -> None:
    admin_client.post(f"/settings/api-keys/{made[0].pk}/revoke")
    assert api_keys.authenticate(made[1]) is None


@pytest.mark.parametrize("install_admin", [True, False])
def test_only_an_administrator_of_the_install_may_give_a_key_its_routes(install_admin: bool) -> None:
    form = ApiKeyForm({"name": "Shop", "scopes": ["routes"], "days": "30"}, install_admin=install_admin)
    assert form.is_valid() is install_admin
    assert set(form.errors) == (set() if install_admin else {"scopes"})
