"""What a schema refuses, in the reader's language: pydantic's kinds of errors, said as the forms say theirs."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TEXT, _WHOLE, _NUMBER = _("This must be text."), _("This must be a whole number."), _("This must be a number.")
_BOOLEAN, _LIST, _OBJECT = _("This must be true or false."), _("This must be a list."), _("This must be an object.")
_TIME = _("Write the time like 2026-12-01T09:04:00.")
_WORDS: dict[str, Promise] = {
    "missing": _("This field is required."),
    "extra_forbidden": _("There is no such field."),
    "none_required": _("This must be null."),
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_long": _("At most %(max_length)s characters."),
    "string_too_short": _("Too few characters: at least %(min_length)s."),
    "too_long": _("At most %(max_length)s entries."),
    "too_short": _("Too few entries: at least %(min_length)s."),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _("This number is too large."),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": _("More than %(gt)s."),
    "greater_than_equal": _("At least %(ge)s."),
    "less_than": _("Less than %(lt)s."),
    "less_than_equal": _("At most %(le)s."),
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "literal_error": _("Choose one of: %(expected)s."),
    "enum": _("Choose one of: %(expected)s."),
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_naive": _("Write the time without an offset: the zone says it."),
    "uuid_type": _("This is not a UUID."),
    "uuid_parsing": _("This is not a UUID."),
}


def words(error: dict[str, Any]) -> str:
    """One of pydantic's errors (`type`, `msg`, `ctx`); its own English for the kinds that no field of ours can meet."""
    known = _WORDS.get(error["type"])
    if known is None:
        return str(error["msg"]).removeprefix("Value error, ")  # our own validators' words
    values = dict(error.get("ctx", {}))
    if "expected" in values:  # 'draft', 'sent' or 'all'
        values["expected"] = values["expected"].replace(" or ", ", ")
    return str(known) % values
