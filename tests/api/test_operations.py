"""Rules that every operation keeps, generated over the OpenAPI document, so that no new one can skip them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from accounts import api_keys
from accounts.api_keys import Scope
from accounts.models import ApiKey, Workspace
from campaigns import editing
from config.api import api as product
from contacts import importing, people, subscriptions
from contacts.addresses import Address, parse
from contacts.models import List, Suppression
from delivery import domains
from delivery.furnishing import sandbox_address
from delivery.models import Route
from tests.api.caller import Caller, caller_of, fields_of
from tests.delivery import factories as delivery
from tests.factories import make_workspace

SCHEMA = product.get_openapi_schema()
PREFIX = "/api/v1"


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    name: str
    scope: Scope
    takes_json: bool
    takes: frozenset[str]  # parameters

    @property
    def needs_key(self) -> bool:
        return "Idempotency-Key" in self.takes

    def at(self, pk: object) -> str:
        return self.path.replace("{pk}", str(pk))


def operations() -> Iterator[Operation]:
    for path, methods in SCHEMA["paths"].items():
        for method, about in methods.items():
            yield Operation(
                method.upper(),
                path.removeprefix(PREFIX),
                about["operationId"],
                Scope(about["x-scope"]),
                "application/json" in about.get("requestBody", {}).get("content", {}),
                frozenset(one["name"] for one in about.get("parameters", [])),
            )


ALL = list(operations())
ABOUT_ONE = [one for one in ALL if "{pk}" in one.path]
# What makes mail leave the server.
NETWORK = {"check_domain", "test_route"}  # they ask other servers
SENDING = {"launch", "schedule", "start", "resume", "go_on", "send_test", "release_held", "resume_route"}


def named(operation: Operation) -> str:
    return operation.name


def contact(workspace: Workspace) -> int:
    address = parse("hanako@mail.example")
    assert isinstance(address, Address)
    return people.add(workspace, address, {}).pk


def suppression(workspace: Workspace) -> int:
    subscriptions.suppress(workspace, "gone@mail.example", Suppression.Reason.MANUAL, source="page")
    return Suppression.objects.of(workspace).get().pk


def route(workspace: Workspace) -> int:
    made = Route.objects.create(name="Smarthost", kind=Route.Kind.SMARTHOST, host="mail.minori.example")
    made.workspaces.add(workspace)
    return made.pk


MADE: dict[str, Callable[[Workspace], Any]] = {
    "lists": lambda workspace: List.objects.create(workspace=workspace, name="News", list_id_label="news").pk,
    "contacts": contact,
    "imports": lambda workspace: importing.receive(workspace, "a.csv", [b"email\na@mail.example\n"], None).pk,
    "suppressions": suppression,
    "domains": lambda workspace: domains.add(workspace, "news.minori.example", actor=None).pk,
    "from-addresses": lambda workspace: sandbox_address(workspace).pk,
    "routes": route,
    "messages": lambda workspace: delivery.message(workspace).pk,
    "campaigns": lambda workspace: editing.create(workspace, None, name="Autumn").pk,
}


def test_what_sends_needs_an_idempotency_key() -> None:
    assert {one.name for one in ALL if one.needs_key} == SENDING


def test_only_reading_is_free_of_scopes() -> None:
    assert all((one.scope is Scope.READ) == (one.method == "GET") for one in ALL)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", ALL, ids=named)
def test_without_a_key_nothing_opens(operation: Operation) -> None:
    for stranger in (Caller(), Caller("shr_00000000_nothing"), Caller("shr_\x00é")):
        answer = stranger.call(operation.method, operation.at(1), {})
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [one for one in ALL if one.scope is not Scope.READ], ids=named)
def test_a_key_without_the_scope_is_refused(operation: Operation) -> None:
    others = [scope for scope in Scope if scope is not operation.scope]
    answer = caller_of(make_workspace(), *others).call(operation.method, operation.at(1), {}, key="k")
    assert answer.status_code == 403 and operation.scope in answer.json()["detail"]


BODIES = {
    "subscribe": {"lists": [1], "statement": "Asked"},
    "unsubscribe": {"lists": [1]},
    "release_mail": {"note": "They called"},
    "erase_contact": {"address": "hanako@mail.example"},
    "release_suppression": {"note": "They called"},
    "switch_live": {"live": True},
    "add_address": {"name": "Keiko", "local_part": "keiko"},
    "schedule": {"at": "2030-01-01T09:00:00", "zone": "UTC"},
    "send_test": {"to": ["keiko@mail.example"]},
    "change_campaign": {"version": 1},
    "send_again": {"outcome": "failed"},
    "change_domain": {"limits": {"per_second": 5}},
    "limit_provider": {"provider": "gmail", "per_second": 5},
}


@pytest.mark.django_db
@pytest.mark.parametrize("operation", ABOUT_ONE, ids=named)
def test_an_object_of_another_workspace_is_not_found(operation: Operation) -> None:
    made = MADE[operation.path.split("/")[1]](make_workspace("Another brand"))
    answer = caller_of(make_workspace()).call(
        operation.method, operation.at(made), BODIES.get(operation.name, {}), key="k"
    )
    assert answer.status_code == 404, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize("operation", ABOUT_ONE, ids=named)
def test_an_id_that_is_none_names_its_field(operation: Operation) -> None:
    caller = caller_of(make_workspace())
    for nonsense in ("0", "abc", str(2**63), "1e3"):
        answer = caller.call(operation.method, operation.at(nonsense), BODIES.get(operation.name, {}), key="k")
        assert answer.status_code == 422 and "pk" in fields_of(answer)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [one for one in ALL if one.takes_json], ids=named)
def test_bad_json_is_a_problem_document(operation: Operation) -> None:
    caller = caller_of(make_workspace())
    for bad in (b"{", b"\xff\xfe", b'{"a": NaN'):
        answer = caller.call(operation.method, operation.at(1), bad, key="k")
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:shirase:problem:bad-json")
        assert answer.json()["detail"]
    for wrong in ([], "text", 3, {"misspelt": 1}):
        answer = caller.call(operation.method, operation.at(1), wrong, key="k")
        assert answer.status_code == 422 and fields_of(answer)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [one for one in ALL if "limit" in one.takes], ids=named)
def test_a_page_holds_no_more_than_was_asked(operation: Operation) -> None:
    workspace = make_workspace()
    caller = caller_of(workspace)
    pk = MADE[operation.path.split("/")[1]](workspace) if "{pk}" in operation.path else 0
    assert caller.call("GET", f"{operation.at(pk)}?limit=500").status_code == 200
    for bad in ("0", "501", "-1", "many"):
        assert fields_of(caller.call("GET", f"{operation.at(pk)}?limit={bad}")) == {"limit"}


JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
WRONG = (None, {"a": [1]}, [[1]], 1.5, True, "\x00", "x" * 3000, 2**70, -1, "", [])


def wrong_requests(operation: Operation) -> Iterator[tuple[str, Any]]:
    """(address, body): each field of it in turn with a value of another type or size."""
    about = SCHEMA["paths"][PREFIX + operation.path][operation.method.lower()]
    good = BODIES.get(operation.name, {})
    for one in about.get("parameters", []):
        if one["in"] == "query":
            for value in ("\x00", "x" * 3000, "-1"):
                yield f"{operation.path}?{one['name']}={quote(value)}", good
    shape = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    for name in resolved(shape or {}).get("properties", {}):
        for value in WRONG:
            yield operation.path, {**good, name: value}
    if shape:
        yield operation.path, {}


def documented(operation: Operation) -> set[str]:
    return set(SCHEMA["paths"][PREFIX + operation.path][operation.method.lower()]["responses"])


def resolved(shape: Any) -> Any:
    return SCHEMA["components"]["schemas"][shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [one for one in ALL if one.name not in NETWORK], ids=named)
def test_what_is_refused_names_its_fields_in_the_readers_language(operation: Operation) -> None:
    workspace = make_workspace()
    caller, made = caller_of(workspace), MADE.get(operation.path.split("/")[1])
    pk = made(workspace) if made and "{pk}" in operation.path else 0
    refused = 0
    for number, (path, body) in enumerate(wrong_requests(operation)):
        answer = caller.call(
            operation.method, path.replace("{pk}", str(pk)), body, key=f"k{number}", Accept_Language="ja"
        )
        if answer.status_code == 422 and answer.json()["type"] == "urn:shirase:problem:invalid":
            refused, errors = refused + 1, answer.json()["errors"]
            assert fields_of(answer) and "" not in fields_of(answer), (path, body, answer.json())
            assert all(JAPANESE.search(error["message"]) for error in errors), (path, body, errors)
        assert str(answer.status_code) in documented(operation), (path, body, answer.content)
    assert refused or not operation.takes_json


@pytest.mark.django_db
def test_other_addresses_and_methods_are_problem_documents() -> None:
    caller = caller_of(make_workspace())
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/", 404), ("PUT", "/lists", 405)):
        answer = caller.call(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.django_db
def test_a_body_that_is_too_large_is_refused(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = caller_of(make_workspace()).call("POST", "/lists", {"name": "x" * 2000})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:shirase:problem:too-large")


@pytest.mark.django_db
def test_a_key_that_does_not_work_here_or_any_more_opens_nothing() -> None:
    workspace = make_workspace()
    elsewhere, token = api_keys.create(workspace, name="Shop", scopes=[], by=None, networks=["203.0.113.0/24"])
    assert Caller(token).call("GET", "/lists").status_code == 401
    ApiKey.objects.filter(pk=elsewhere.pk).update(allowed_networks=["127.0.0.0/8"])
    assert Caller(token).call("GET", "/lists").status_code == 200
    api_keys.revoke(elsewhere)
    assert Caller(token).call("GET", "/lists").status_code == 401


@pytest.mark.django_db
def test_a_session_of_the_browser_opens_nothing(client: Any, owner: Any, workspace: Workspace) -> None:
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/api/v1/lists").status_code == 401
