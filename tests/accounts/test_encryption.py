from __future__ import annotations

import base64
from collections.abc import Iterator
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts import fields
from accounts.encryption import CannotOpen, Sealer, is_sealed, key_id_of
from delivery.models import Route

OLD, NEW = {"a": b"a" * 32}, {"b": b"b" * 32}
PLACE = {"table": "delivery_route", "field": "password_sealed", "uuid": "0b0f"}
CANARY = "canary-hunter2-パスワード"


def test_what_was_sealed_opens() -> None:
    assert Sealer(OLD).open(Sealer(OLD).seal(CANARY, **PLACE), **PLACE) == CANARY


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert Sealer(OLD).seal(CANARY, **PLACE) != Sealer(OLD).seal(CANARY, **PLACE)


@pytest.mark.parametrize("moved", [{"table": "other"}, {"field": "other"}, {"uuid": "0b10"}])
def test_a_value_copied_to_another_place_does_not_open(moved: dict[str, str]) -> None:
    with pytest.raises(CannotOpen, match="another row"):
        Sealer(OLD).open(Sealer(OLD).seal(CANARY, **PLACE), **{**PLACE, **moved})


def test_a_changed_byte_does_not_open() -> None:
    version, key, body = Sealer(OLD).seal(CANARY, **PLACE).split(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[-1] ^= 1
    with pytest.raises(CannotOpen):
        Sealer(OLD).open(f"{version}.{key}.{base64.urlsafe_b64encode(raw).decode()}", **PLACE)


@pytest.mark.parametrize("text", ["", "hunter2", "v1.a", "v1.a.!!!", "v1.a.YQ==", "v2.a." + "A" * 60])
def test_other_texts_are_no_sealed_texts(text: str) -> None:
    assert not is_sealed(text)
    with pytest.raises(CannotOpen, match="not a sealed text"):
        Sealer(OLD).open(text, **PLACE)


def test_the_newest_key_seals_and_retired_ones_still_open() -> None:
    sealed = Sealer(OLD).seal(CANARY, **PLACE)
    both = Sealer({**NEW, **OLD})
    assert both.open(sealed, **PLACE) == CANARY
    assert key_id_of(both.seal(CANARY, **PLACE)) == "b"
    with pytest.raises(CannotOpen, match="'a', which is not in ENCRYPTION_KEYS"):
        Sealer(NEW).open(sealed, **PLACE)


@pytest.fixture
def keys(settings: Settings) -> Iterator[Settings]:
    settings.ENCRYPTION_KEYS = OLD
    fields.sealer.cache_clear()
    yield settings
    fields.sealer.cache_clear()


def route_with(secret: str, name: str = "Smarthost") -> Route:
    route = Route(name=name, kind=Route.Kind.SMARTHOST)
    fields.seal(route, "password_sealed", secret)
    route.save()
    return route


@pytest.mark.django_db
def test_a_secret_survives_the_database_and_is_not_in_it(keys: Settings) -> None:
    route = Route.objects.get(pk=route_with(CANARY).pk)
    assert fields.reveal(route, "password_sealed") == CANARY
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM delivery_route r")
        dump = str(cursor.fetchall())
    assert "canary" not in dump and base64.b64encode(CANARY.encode()).decode() not in dump


@pytest.mark.django_db
def test_secrets_swapped_between_rows_do_not_open(keys: Settings) -> None:
    mine, theirs = route_with("mine"), route_with(CANARY, "Other")
    Route.objects.filter(pk=mine.pk).update(password_sealed=theirs.password_sealed)
    with pytest.raises(CannotOpen):
        fields.reveal(Route.objects.get(pk=mine.pk), "password_sealed")


@pytest.mark.django_db
def test_plain_text_never_reaches_the_column() -> None:
    with pytest.raises(ValueError, match="sealed text only"):
        Route.objects.create(name="Smarthost", kind=Route.Kind.SMARTHOST, password_sealed="hunter2")
    with pytest.raises(ValueError, match="sealed text only"):
        Route.objects.update(password_sealed="hunter2")


@pytest.mark.django_db
def test_an_empty_secret_is_no_secret(keys: Settings) -> None:
    assert fields.reveal(route_with(""), "password_sealed") == ""


@pytest.mark.django_db
def test_rotation_seals_everything_with_the_newest_key(keys: Settings) -> None:
    routes = [route_with(CANARY), route_with("other", "Other"), route_with("", "None")]
    keys.ENCRYPTION_KEYS = {**NEW, **OLD}
    fields.sealer.cache_clear()
    said = StringIO()
    call_command("rotate_keys", stdout=said)
    assert "delivery_route.password_sealed: 2 sealed again" in said.getvalue()
    keys.ENCRYPTION_KEYS = NEW
    fields.sealer.cache_clear()
    fresh = [Route.objects.get(pk=route.pk) for route in routes]
    assert [fields.reveal(route, "password_sealed") for route in fresh] == [CANARY, "other", ""]


@pytest.mark.django_db
def test_rotation_without_the_old_key_changes_nothing_and_says_so(keys: Settings) -> None:
    before = route_with(CANARY).password_sealed
    keys.ENCRYPTION_KEYS = NEW
    fields.sealer.cache_clear()
    with pytest.raises(CommandError, match="Nothing was lost"):
        call_command("rotate_keys")
    assert Route.objects.get().password_sealed == before


def test_every_column_named_sealed_is_one() -> None:
    """`rotate_keys` finds columns by their kind, so a plain one would be forgotten."""
    sealed = {(model, name) for model, name in fields.sealed_fields()}
    named = {(m, f.name) for m in apps.get_models() for f in m._meta.fields if f.name.endswith("_sealed")}
    assert named == sealed and sealed
