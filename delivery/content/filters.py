"""The filters that a letter may use. Each takes and returns plain values, and nothing it returns is unbounded."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Undefined, pass_context, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from markupsafe import Markup, escape

from .source import RenderLimit, gettext_noop

LONGEST = 100_000  # characters, or items, of one value

_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ja": ("月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"),
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Directive: its width with leading zeros, and its value.
_NUMBERS: Mapping[str, tuple[int, Callable[[datetime.datetime], int]]] = {
    "Y": (4, lambda at: at.year),
    "y": (2, lambda at: at.year % 100),
    "m": (2, lambda at: at.month),
    "d": (2, lambda at: at.day),
    "H": (2, lambda at: at.hour),
    "I": (2, lambda at: at.hour % 12 or 12),
    "M": (2, lambda at: at.minute),
}
_DATE_FORMATS = {"en": "%-d %B %Y", "ja": "%Y年%-m月%-d日"}
_DIRECTIVE = re.compile(r"%(-?[A-Za-z%])")


def bounded(length: int) -> None:
    """Raises RenderLimit before a value of `length` is made."""
    if length > LONGEST:
        raise RenderLimit(gettext_noop("A value would be %(length)s characters long."), length=f"{length:,}")


def is_missing(value: object) -> bool:
    return value is None or value == "" or isinstance(value, Undefined)


def text_of(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def upper(value: object) -> str:
    return text_of(value).upper()


def lower(value: object) -> str:
    return text_of(value).lower()


def title(value: object) -> str:
    return text_of(value).title()


def capitalize(value: object) -> str:
    return text_of(value).capitalize()


def trim(value: object) -> str:
    return text_of(value).strip()


def default(value: object, fallback: object = "", boolean: bool = True) -> object:
    """The fallback for a missing *or empty* value: to a writer the two are the same."""
    return fallback if is_missing(value) else value


def length(value: Any) -> int:
    return 0 if value is None else len(value)


def first(value: Any) -> object:
    return next(iter(value), "")


def last(value: Any) -> object:
    items = list(value)
    return items[-1] if items else ""


def join(value: Iterable[object], separator: object = "") -> str:
    """Escaped piece by piece where a piece is already HTML, like Jinja2's own."""
    pieces = list(value)
    between = text_of(separator)
    bounded(sum(len(text_of(piece)) for piece in pieces) + len(between) * len(pieces))
    if any(isinstance(piece, Markup) for piece in pieces):
        return escape(between).join(map(escape, pieces))
    return between.join(map(text_of, pieces))


def replace(value: object, old: object, new: object) -> str:
    text, old_text, new_text = str(text_of(value)), str(text_of(old)), str(text_of(new))
    bounded(len(text) + (text.count(old_text) if old_text else len(text) + 1) * len(new_text))
    return text.replace(old_text, new_text)


def truncate(value: object, size: int = 80, end: str = "…") -> str:
    text = text_of(value)
    return text if len(text) <= size else str(text)[: max(size - len(end), 0)].rstrip() + end


def to_int(value: object, fallback: int = 0) -> int:
    number = to_float(value, float(fallback))
    return int(number)


def to_float(value: object, fallback: float = 0.0) -> float:
    try:
        number = float(text_of(value).replace(",", ""))
    except (ValueError, OverflowError):
        return fallback
    return number if abs(number) < 1e15 else fallback


def round_to(value: object, decimals: int = 0) -> float | int | str:
    if is_missing(value):
        return ""
    number = round(to_float(value), max(0, min(decimals, 12)))
    return number if decimals else int(number)


def number(value: object, decimals: int = 0) -> str:
    """12345.6 as 12,346 or, with decimals, 12,345.60; empty for a missing value."""
    return "" if is_missing(value) else f"{to_float(value):,.{max(0, min(decimals, 12))}f}"


def absolute(value: object) -> float | int:
    amount = value if isinstance(value, int) else to_float(value)
    return abs(amount)


def sort(value: Iterable[Any], reverse: bool = False) -> list[Any]:
    return sorted(value, key=lambda item: text_of(item).casefold() if isinstance(item, str) else item, reverse=reverse)


def unique(value: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(value))


def reverse(value: Any) -> object:
    return value[::-1] if isinstance(value, str) else list(value)[::-1]


def total(value: Iterable[Any]) -> float | int:
    return sum(item if isinstance(item, int) else to_float(item) for item in value)


def urlencode(value: object) -> str:
    return quote(text_of(value), safe="")


@pass_eval_context
def line_breaks(context: EvalContext, value: object) -> str:
    """Line breaks of a value as <br>, everything else escaped; in plain text they are line breaks already."""
    if not context.autoescape:
        return text_of(value)
    return Markup("<br>\n").join(escape(line) for line in text_of(value).splitlines())


def sama(value: object, fallback: str = "お客様") -> str:
    """山田 → 山田様, 山田 花子 → 山田 花子 様, and the fallback where there is no name."""
    name = text_of(value).strip()
    if not name:
        return fallback
    if name.endswith(("様", "さん", "さま")):
        return name
    return f"{name} 様" if " " in name or "　" in name else f"{name}様"


def san(value: object, fallback: str = "お客様") -> str:
    name = text_of(value).strip()
    if not name:
        return fallback
    return name if name.endswith(("様", "さん", "さま")) else f"{name}さん"


@pass_context
def date(context: Context, value: object, form: str = "") -> str:
    """An ISO date in the letter's language, or by strftime's letters (%-d and %-m have no leading zero).

    A value that is no date is shown as it is: better than an empty place or a message held back.
    """
    moment = _moment(text_of(value))
    if moment is None:
        return text_of(value)
    language = str(context.parent.get("_language", "en"))[:2]
    return _strftime(moment, form or _DATE_FORMATS.get(language, _DATE_FORMATS["en"]), language)


def _moment(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _strftime(moment: datetime.datetime, form: str, language: str) -> str:
    """Our own: C's %-d and its names depend on the platform and its locale."""

    def directive(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in "Aa":
            name = _WEEKDAYS.get(language, _WEEKDAYS["en"])[moment.weekday()]
            return name if letter == "A" else name[:1] if language == "ja" else name[:3]
        if letter in "Bb":
            name = f"{moment.month}月" if language == "ja" else _MONTHS[moment.month - 1]
            return name if letter == "B" or language == "ja" else name[:3]
        number = _NUMBERS.get(letter[-1])
        if number is None:
            return {"%": "%", "p": "AM" if moment.hour < 12 else "PM"}.get(letter, match[0])
        width, value = number
        return f"{value(moment):0{1 if letter[0] == '-' else width}}"

    return _DIRECTIVE.sub(directive, form)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "upper": upper, "lower": lower, "title": title, "capitalize": capitalize, "trim": trim,
    "default": default, "d": default, "length": length, "count": length, "first": first, "last": last,
    "join": join, "replace": replace, "truncate": truncate, "int": to_int, "float": to_float,
    "round": round_to, "number": number, "abs": absolute, "sort": sort, "unique": unique,
    "reverse": reverse, "sum": total, "urlencode": urlencode, "line_breaks": line_breaks,
    "escape": escape, "e": escape, "sama": sama, "san": san, "date": date,
}  # fmt: skip
