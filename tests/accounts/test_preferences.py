from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts import zones
from accounts.models import User

pytestmark = pytest.mark.django_db


def test_a_visitor_chooses_language_and_theme_before_signing_in(client: Client, admin: User) -> None:
    answer = client.post("/preferences", {"language": "ja", "next": "/login"})
    assert answer.headers["Location"] == "/login"
    client.post("/preferences", {"theme": "dark"})
    page = client.get("/login").content.decode()
    assert '<html lang="ja" data-bs-theme="dark">' in page and "サインイン" in page


def test_a_person_keeps_language_and_theme_wherever_they_sign_in(admin_client: Client, admin: User) -> None:
    admin_client.post("/preferences", {"language": "ja"})
    admin_client.post("/preferences", {"theme": "light"})
    elsewhere = Client(headers={"accept-language": "en"})
    elsewhere.force_login(admin, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert '<html lang="ja" data-bs-theme="light">' in elsewhere.get("/profile").content.decode()


@pytest.mark.parametrize("data", [{"language": "de"}, {"theme": "<script>"}, {}])
def test_anything_else_changes_nothing(admin_client: Client, data: dict[str, str]) -> None:
    assert not admin_client.post("/preferences", data).cookies
    assert User.objects.values_list("language", "theme").get() == ("en", "system")


def test_times_are_shown_in_the_zone_of_the_reader(admin_client: Client, admin: User) -> None:
    User.objects.update(time_zone="Asia/Tokyo")
    User.objects.update(date_joined=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    admin.memberships.update(created_at=dt.datetime(2026, 11, 24, 20, 0, tzinfo=dt.UTC))
    assert "2026-11-25T05:00:00+09:00" in admin_client.get("/settings/team").content.decode()


def test_the_profile_is_saved(admin_client: Client) -> None:
    data = {"name": "森 恵子", "language": "ja", "theme": "dark", "time_zone": "Asia/Tokyo"}
    answer = admin_client.post("/profile", data, follow=True)
    assert "保存しました。" in answer.content.decode()
    assert User.objects.values_list("name", "language", "theme", "time_zone").get() == tuple(data.values())


def test_zones_are_places_with_their_offset_of_today() -> None:
    winter, summer = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    assert dict(zones.choices(winter))["Europe/Berlin"] == "Europe/Berlin (UTC+1)"
    assert dict(zones.choices(summer))["Europe/Berlin"] == "Europe/Berlin (UTC+2)"
    assert dict(zones.choices(winter))["America/St_Johns"] == "America/St Johns (UTC−3:30)"
    assert not [name for name in zones.names() if name.startswith("Etc/")]
