"""Problem documents (RFC 9457): every error of the API says what is wrong, and which field."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.forms import BaseForm
from django.http import JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import schema_words

MEDIA_TYPE = "application/problem+json"


class Kind(enum.StrEnum):
    """What kind of problem: the last part of `type`, which programs may rely on."""

    BAD_JSON = "bad-json"  # the body cannot be read
    NO_KEY = "no-key"  # no key, or one that does not work (any more, from here)
    SCOPE = "scope"  # the key lacks the scope
    NOT_FOUND = "not-found"  # not there, or another workspace's
    METHOD = "method"  # this address takes other methods
    CONFLICT = "conflict"  # its state does not allow it
    IN_PROGRESS = "in-progress"  # the same request is being worked on
    CHANGED = "changed"  # somebody else saved first
    TOO_LARGE = "too-large"  # the body is larger than we read
    INVALID = "invalid"  # fields that cannot be taken
    CHECKS = "checks"  # a preflight check stops the send
    KEY_REUSED = "key-reused"  # this Idempotency-Key belongs to another request
    NO_VERSION = "no-version"  # a change must name the version that it was made from
    INTERNAL = "internal"  # our fault


STATUS = {
    Kind.BAD_JSON: 400,
    Kind.NO_KEY: 401,
    Kind.SCOPE: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.CONFLICT: 409,
    Kind.IN_PROGRESS: 409,
    Kind.CHANGED: 412,
    Kind.TOO_LARGE: 413,
    Kind.INVALID: 422,
    Kind.CHECKS: 422,
    Kind.KEY_REUSED: 422,
    Kind.NO_VERSION: 428,
    Kind.INTERNAL: 500,
}
TITLES: dict[Kind, Promise] = {
    Kind.BAD_JSON: _("The body cannot be read"),
    Kind.NO_KEY: _("A valid API key is needed"),
    Kind.SCOPE: _("This key may not do that"),
    Kind.NOT_FOUND: _("Not found"),
    Kind.METHOD: _("This address does not take that method"),
    Kind.CONFLICT: _("Not possible as things are"),
    Kind.IN_PROGRESS: _("The same request is still being worked on"),
    Kind.CHANGED: _("Somebody else saved first"),
    Kind.TOO_LARGE: _("The request is too large"),
    Kind.INVALID: _("Some fields cannot be taken"),
    Kind.CHECKS: _("A check stops this send"),
    Kind.KEY_REUSED: _("This Idempotency-Key was used for another request"),
    Kind.NO_VERSION: _("Name the version that you changed"),
    Kind.INTERNAL: _("Something went wrong on the server"),
}


@dataclass(frozen=True)
class FieldError:
    """`field` as it was sent, with dots into nested ones: `fields.rank`. A place in its text counts from 1; 0: none."""

    field: str
    message: str
    line: int = 0
    column: int = 0

    def document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name in ("field", "message")}


class Problem(Exception):
    """Ends a request of the API. Nothing was changed."""

    def __init__(self, kind: Kind, detail: str = "", errors: Iterable[FieldError] = ()) -> None:
        super().__init__(kind.value, detail)
        self.kind, self.detail, self.errors = kind, detail, tuple(errors)

    def response(self) -> JsonResponse:
        status = STATUS[self.kind]
        document: dict[str, Any] = {
            "type": f"urn:shirase:problem:{self.kind}",
            "title": str(TITLES[self.kind]),
            "status": status,
            "detail": self.detail,
            "errors": [error.document() for error in self.errors],
        }
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return JsonResponse(document, status=status, content_type=MEDIA_TYPE, headers=headers)


def invalid(field: str, message: object) -> Problem:
    """One field that cannot be taken."""
    return Problem(Kind.INVALID, str(_("Nothing was changed.")), [FieldError(field, str(message))])


def of_form(form: BaseForm, names: dict[str, str] | None = None) -> Problem:
    """What a form refuses; `names` are the API's, where they differ from the form's."""
    found = form.errors.get_json_data()
    errors = [
        FieldError((names or {}).get(name, "" if name == "__all__" else name), str(error["message"]))
        for name, said in found.items()
        for error in said
    ]
    return Problem(Kind.INVALID, str(_("Nothing was changed.")), errors)


def of_validation(errors: Sequence[dict[str, Any]]) -> Problem:
    """What a schema refuses: django-ninja's list of pydantic's errors."""
    found = [FieldError(_path(error["loc"]), schema_words.words(error)) for error in errors]
    return Problem(Kind.INVALID, str(_("Nothing was changed.")), found)


def _path(loc: Sequence[str | int]) -> str:
    """("body", <our parameter>, "audience", 0) → audience.0; ("query", "limit") → limit."""
    skipped = 2 if loc[:1] == ("body",) else 1
    return ".".join(str(part) for part in loc[skipped:])
