"""What the OpenAPI document says of every operation besides its fields: its scope, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.api_keys import Scope
from accounts.idempotency import HEADER
from accounts.problems import MEDIA_TYPE, STATUS, TITLES, Kind

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "description": "urn:shirase:problem: and the kind, which does not change"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "As it was sent, with dots into nested ones"},
                    "message": {"type": "string"},
                    "line": {"type": "integer", "description": "Of a template; counts from 1"},
                    "column": {"type": "integer"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "urn:shirase:problem:invalid",
            "title": "Some fields cannot be taken",
            "status": 422,
            "detail": "Nothing was changed.",
            "errors": [{"field": "html", "message": "HTML, line 2, column 27: …", "line": 2, "column": 27}],
        }
    ],
}


def complete(document: Any) -> Any:
    """The document, with the problems of every operation and the scope that it needs."""
    components = document["components"]
    components["schemas"]["Problem"] = PROBLEM
    components["responses"] = {kind: _response(kind) for kind in Kind}
    components["securitySchemes"]["Key"]["description"] = "A key of one workspace. " + " ".join(
        f"`{scope.value}`: {scope.label}." for scope in Scope
    )
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _complete(path, operation)
    return document


def _response(kind: Kind) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": f"{TITLES[kind]} (`{kind}`)", "content": content}


def _complete(path: str, operation: dict[str, Any]) -> None:
    scope = operation["x-scope"]
    operation["responses"] = {str(code): answer for code, answer in operation["responses"].items()}
    operation["security"] = [{"Key": [scope]}]
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`".strip()
    for kind in _refusals(path, operation):
        # One reference a status: the first kind speaks for the others of its number.
        operation["responses"].setdefault(str(STATUS[kind]), {"$ref": f"#/components/responses/{kind}"})


def _refusals(path: str, operation: dict[str, Any]) -> Iterator[Kind]:
    parameters, body = operation.get("parameters", []), "requestBody" in operation
    once = any(one["name"] == HEADER for one in parameters)
    yield Kind.NO_KEY
    if operation["x-scope"] != Scope.READ:
        yield Kind.SCOPE
    if "{pk}" in path:
        yield Kind.NOT_FOUND
    if body:
        yield Kind.BAD_JSON
    if body or once:
        yield Kind.TOO_LARGE
    if body or parameters:
        yield Kind.INVALID
    if once:
        yield Kind.IN_PROGRESS
    yield from (Kind(kind) for kind in operation.pop("x-refuses", ()))
