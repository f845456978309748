from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from analytics import folding
from analytics.models import Fold
from config import health
from config.middleware import ClientAddress


def seen_address(forwarded: str, hops: int) -> str:
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", headers={"x-forwarded-for": forwarded})
    with override_settings(PROXY_HOPS=hops):
        ClientAddress(view)(request)
    return seen[0]


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ("203.0.113.9", 0, "192.0.2.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "192.0.2.1"),
        ("", 1, "192.0.2.1"),
    ],
)
def test_only_our_own_proxies_say_who_asks(forwarded: str, hops: int, address: str) -> None:
    assert seen_address(forwarded, hops) == address


def not_ready(client: Client) -> set[str]:
    """What /readyz says does not hold; it answers 503 when there is any."""
    answer = client.get("/readyz")
    said = answer.json()
    assert said.keys() == {"database", "migrated", "work", "broker"}
    missing = {name for name, holds in said.items() if not holds}
    assert answer.status_code == (503 if missing else 200)
    return missing


def test_health_answers_without_a_database(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"alive": True}


@pytest.mark.django_db
def test_ready_names_what_does_not_answer(client: Client) -> None:
    assert not_ready(client) == {"work"}, "no tick has run yet"
    folding.fold()
    assert not_ready(client) == set()
    with override_settings(BROKER_URL="redis://127.0.0.1:1/0"):
        assert not_ready(client) == {"broker"}
    Fold.objects.update(folded_at=timezone.now() - timedelta(seconds=61))
    assert not_ready(client) == {"work"}
    folding.fold()
    MigrationRecorder.Migration.objects.filter(app="analytics").delete()
    assert not_ready(client) == {"migrated"}


@pytest.mark.django_db
def test_without_its_database_nothing_that_lies_in_it_is_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(health.connection, "cursor", away)
    assert not_ready(client) == {"database", "migrated", "work"}


def test_pages_load_nothing_from_elsewhere(client: Client) -> None:
    response = client.get("/healthz")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
