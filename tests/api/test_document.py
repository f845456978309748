"""What the OpenAPI document says of every operation, and that its page loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.api import Body
from accounts.api_keys import Scope
from config.reference import groups
from tests.api.test_operations import ALL, PREFIX, SCHEMA, Operation, named, resolved


def test_the_document_names_every_operation_once() -> None:
    assert len({one.name for one in ALL}) == len(ALL) > 50


def bodies(shape: type[Body] = Body) -> Iterator[type[Body]]:
    for below in shape.__subclasses__():
        yield below
        yield from bodies(below)


@pytest.mark.parametrize("shape", list(bodies()), ids=lambda shape: shape.__name__)
def test_every_body_has_an_example_that_it_takes(shape: type[Body]) -> None:
    (shown,) = shape.model_json_schema()["examples"]
    assert shape.model_validate(shown).model_fields_set == set(shown)


@pytest.mark.parametrize("operation", ALL, ids=named)
def test_the_document_names_scope_and_problems(operation: Operation) -> None:
    about = SCHEMA["paths"][PREFIX + operation.path][operation.method.lower()]
    assert about["security"] == [{"Key": [operation.scope]}] and not about["description"].startswith("Scope")
    needed = {"401"} | ({"403"} if operation.scope is not Scope.READ else set())
    needed |= {"404"} if "{pk}" in operation.path else set()
    needed |= {"400", "413", "422"} if operation.takes_json else set()
    needed |= {"409", "413", "422"} if operation.needs_key else set()
    assert needed <= set(about["responses"]) and "default" not in about["responses"]


BOUNDED = {"check_campaign", "list_tests"}  # a fixed number of checks; the last ten tests


@pytest.mark.parametrize("operation", [one for one in ALL if one.method == "GET"], ids=named)
def test_every_list_comes_in_pages(operation: Operation) -> None:
    about = SCHEMA["paths"][PREFIX + operation.path]["get"]
    shape = about["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
    many = shape.get("type") == "array" or set(resolved(shape).get("properties", {})) == {"items", "next"}
    assert not many or operation.name in BOUNDED or {"after", "limit"} <= operation.takes


def test_the_page_knows_the_type_of_every_field() -> None:
    for one in (one for group in groups(SCHEMA).values() for one in group):
        assert not [field.name for field in (*one.takes, *one.answers) if field.kind == "any"], one.anchor


@pytest.mark.django_db
def test_the_document_and_its_page_load_nothing_from_elsewhere(client: Any) -> None:
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "Shirase"
    page = client.get("/api/v1/docs").content.decode()
    assert not re.search(r"(?:src|href)=.https?:", page) and "<script>" not in page
    operations = [one["operationId"] for path in SCHEMA["paths"].values() for one in path.values()]
    assert all(f'id="{name}"' in page for name in operations)
