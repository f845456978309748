"""The page of the API: every operation with its fields, read from the OpenAPI document itself.

The document is English, for programs. The page asks the catalogue for each of its texts, under the context "API":
`texts` are what the catalogue must hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """`place` is path, query, header, body or answer."""

    place: str
    name: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    title: str
    description: str
    scope: str
    takes: list[Field]
    answers: list[Field]
    status: str
    refusals: list[str]
    example: str


class Reference(DocsBase):
    """In place of django-ninja's Swagger: in our own words and colours, readable by everybody, without scripts."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        document = api.get_openapi_schema(path_params=kwargs)
        address = self.get_openapi_url(api, kwargs)
        context = {
            "info": document["info"],
            "about": _plain(document["info"]["description"]),
            "groups": groups(document),
            "document": address,
        }
        return render(request, "config/reference.html", context)


def groups(document: Schema) -> dict[str, list[Operation]]:
    """The operations by tag, in the order of the document."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, raw in methods.items():
            found.setdefault(raw["tags"][0], []).append(_operation(document, path, method, raw))
    return found


def texts(document: Schema) -> Iterator[str]:
    """Every text of the document that the page shows, some more than once; not the names that code uses."""
    yield _plain(document["info"]["description"])
    for tag, operations in groups(document).items():
        yield tag
        for one in operations:
            yield from filter(None, (one.title, one.description))
            yield from (field.place for field in one.takes)
            yield from (field.description for field in (*one.takes, *one.answers) if field.description)


def _plain(text: str) -> str:
    """One line, without the marks around code."""
    return " ".join(text.replace("`", "").split())


def _operation(document: Schema, path: str, method: str, raw: Schema) -> Operation:
    status, answer = next((str(code), answer) for code, answer in raw["responses"].items() if str(code).startswith("2"))
    return Operation(
        anchor=raw["operationId"],
        method=method.upper(),
        path=path,
        title=raw["summary"].capitalize(),
        description=_plain(raw.get("description", "").partition("Scope: ")[0]),
        scope=raw["x-scope"],
        takes=[*_parameters(document, raw), *_fields(document, raw.get("requestBody", {}), "body")],
        answers=list(_fields(document, answer, "answer")),
        status=status,
        refusals=sorted(code for code in map(str, raw["responses"]) if code >= "400"),
        example=_example(document, raw),
    )


def _example(document: Schema, raw: Schema) -> str:
    """A body that a program might send; empty where it sends none."""
    content = raw.get("requestBody", {}).get("content", {}).get("application/json")
    shape = _resolved(document, content["schema"]) if content else {}
    shown: Schema = next(iter(shape.get("examples", [])), {})
    ordered = {name: shown[name] for name in shape.get("properties", {}) if name in shown}
    return json.dumps(ordered, ensure_ascii=False, indent=2) if ordered else ""


def _parameters(document: Schema, raw: Schema) -> Iterator[Field]:
    for one in raw.get("parameters", []):
        shape = one["schema"]
        words = _plain(one.get("description") or shape.get("description", ""))
        yield Field(one["in"], one["name"], _kind(document, shape), one.get("required", False), words)


def _fields(document: Schema, holder: Schema, place: str) -> Iterator[Field]:
    for content in holder.get("content", {}).values():
        shape = _resolved(document, content["schema"])
        required = shape.get("required", [])
        for name, one in shape.get("properties", {}).items():
            words = _plain(one.get("description", ""))
            yield Field(place, name, _kind(document, one), name in required, words)


def _resolved(document: Schema, shape: Schema) -> Schema:
    if len(shape.get("allOf", [])) == 1:  # a reference with a default beside it
        shape = shape["allOf"][0]
    if "$ref" not in shape:
        return shape
    found: Schema = document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return found


def _kind(document: Schema, shape: Schema) -> str:
    """`integer`, `list of string`, `draft | sent`, in the reader's language; an object by its fields' names."""
    if "anyOf" in shape:
        return pgettext("API", " or ").join(dict.fromkeys(_kind(document, one) for one in shape["anyOf"]))
    shape = _resolved(document, shape)
    if "enum" in shape:
        return " | ".join(str(member) for member in shape["enum"])
    if shape.get("type") == "array":
        return _("list of %(kind)s") % {"kind": _kind(document, shape.get("items", {}))}
    if shape.get("properties"):
        return "{" + ", ".join(shape["properties"]) + "}"
    return str(shape.get("format") or shape.get("type") or "any")
