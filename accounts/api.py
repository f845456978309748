"""What every part of the API shares: keys and their scopes, errors, pages, types of fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import Header, NinjaAPI, Router, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as SchemaError
from ninja.security import HttpBearer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from accounts import api_keys, openapi, text
from accounts.api_keys import Scope
from accounts.idempotency import HEADER
from accounts.models import ApiKey, User, Workspace
from accounts.problems import Kind, Problem, of_validation

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=Model)
T = TypeVar("T")


class ApiRequest(HttpRequest):
    """A request that came with a key."""

    auth: ApiKey
    workspace: Workspace


class Key(HttpBearer):
    """`Authorization: Bearer shr_…`, with a scope that the operation names."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        if not (token.isascii() and token.isprintable()):
            return None
        key = api_keys.authenticate(token, request.META.get("REMOTE_ADDR", ""))
        if key is None:
            return None
        if not api_keys.allows(key, self.scope):
            raise Problem(Kind.SCOPE, _refusal(key, self.scope))
        request.workspace = key.workspace  # type: ignore[attr-defined]  # a browser's session has no say here
        return key


def _refusal(key: ApiKey, scope: Scope) -> str:
    if scope.value in key.scopes:
        return _("Routes take a key whose maker is an administrator of this install.")
    return _("It needs the scope “%(scope)s”.") % {"scope": scope.value}


def refuses(*kinds: Kind) -> dict[str, Any]:
    """The `openapi_extra` of an operation whose problems do not all follow from what it takes: a state forbids it."""
    return {"x-refuses": [kind.value for kind in kinds]}


class Resource(Router):
    """The operations of one kind of thing. Each names its scope, so that none is open."""

    def api_operation(self, methods: list[str], path: str, *, auth: Any = None, **options: Any) -> Any:
        if not isinstance(auth, Key):
            raise TypeError(f"{methods} {path} names no scope")
        options["openapi_extra"] = {**(options.get("openapi_extra") or {}), "x-scope": auth.scope.value}
        return super().api_operation(methods, path, auth=auth, **options)


def answerable(request: ApiRequest) -> User | None:
    """The member who made the key: they are told how what it sent went. None when they have left."""
    maker = request.auth.created_by
    return maker if maker and request.workspace.memberships.filter(user=maker).exists() else None


def as_json(shape: type[BaseModel], values: Any) -> dict[str, Any]:
    """The answer as it is kept beside an Idempotency-Key."""
    return shape.model_validate(values).model_dump(mode="json")


def one_line(value: str) -> str:
    return _checked(text.one_line, value)


def several_lines(value: str) -> str:
    return _checked(text.several_lines, value)


def _checked(check: Callable[[str], None], value: str) -> str:
    try:
        check(value)
    except ValidationError as error:
        raise ValueError(error.messages[0]) from error
    return value


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Line = Annotated[str, AfterValidator(one_line)]
Lines = Annotated[str, AfterValidator(several_lines)]
Sent = Annotated[
    Line,
    Header(alias=HEADER, min_length=1, max_length=255, description="Text of your own, new for each send"),
]
"""The key that makes a POST that sends happen once."""
JsonObject = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]


class Body(BaseModel):
    """What a request brings: an object with these fields and no others, so that a misspelt one is told."""

    model_config = ConfigDict(extra="forbid")


def example(**values: Any) -> ConfigDict:
    """The `model_config` of a body: what a program might send."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Window(Schema):
    """Which rows: those behind `after`, which is the `next` of the page before."""

    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class Page(Schema, Generic[T]):
    """`next` is the `after` of the next page, null at the end."""

    items: list[T]
    next: int | None


def page(rows: QuerySet[M], window: Window, *, newest_first: bool = False) -> dict[str, Any]:
    """By id, so that a page costs the same wherever it is."""
    if newest_first:
        rows = rows.order_by("-pk")
        rows = rows.filter(pk__lt=window.after) if window.after else rows
    else:
        rows = rows.order_by("pk").filter(pk__gt=window.after)
    found = list(rows[: window.limit + 1])
    return {"items": found[: window.limit], "next": found[window.limit - 1].pk if len(found) > window.limit else None}


class Api(NinjaAPI):
    """Errors are problem documents, and the OpenAPI document says so."""

    def set_default_exception_handlers(self) -> None:
        for error in (Problem, Http404, AuthenticationError, SchemaError, HttpError, RequestDataTooBig, Exception):
            self.add_exception_handler(error, _answer)

    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **where: Any) -> Any:
        with translation.override("en"):
            return openapi.complete(super().get_openapi_schema(**where))


def _answer(request: HttpRequest, error: Any) -> HttpResponse:
    problem = _problem_of(error)
    if problem is None:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return (problem or Problem(Kind.INTERNAL)).response()


def _problem_of(error: Exception) -> Problem | None:
    """None: no fault of the request's."""
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(Kind.NOT_FOUND)
        case AuthenticationError():
            return Problem(Kind.NO_KEY)
        case SchemaError():
            return of_validation(error.errors)
        case RequestDataTooBig():
            return Problem(Kind.TOO_LARGE)
        case HttpError():  # django-ninja's word for a body that it cannot read
            return Problem(Kind.BAD_JSON, _why_unread(error.__cause__))
    return None


def _why_unread(cause: object) -> str:
    if isinstance(cause, json.JSONDecodeError):
        return _("It is no JSON from line %(line)s, column %(column)s on.") % {
            "line": cause.lineno,
            "column": cause.colno,
        }
    return _("It is not UTF-8.") if isinstance(cause, UnicodeError) else ""


def not_found(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Addresses of the API that there are not."""
    return Problem(Kind.NOT_FOUND).response()


def documented(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """What is refused before an operation is found becomes a problem document too."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return not_found(request)
        if response.status_code != 405:
            return response
        problem = Problem(Kind.METHOD, _("It takes: %(methods)s.") % {"methods": response.headers["Allow"]}).response()
        problem.headers["Allow"] = response.headers["Allow"]
        return problem

    return wrapped
