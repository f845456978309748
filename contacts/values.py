"""Values of contacts: what a typed field takes, and what a name may hold. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_TEXT = 1000
MAX_NAME = 200
MAX_TAG = 200  # characters; an entry of the index of tags holds about 2,700 octets
YES = frozenset(["1", "true", "yes", "y", "on", "はい", "○", "有", "可", "許可", "希望", "する"])
NO = frozenset(["0", "false", "no", "n", "off", "いいえ", "×", "✕", "x", "無", "不可", "拒否", "希望しない", "しない"])
_DATE = re.compile(r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?(?:[T ]\d{1,2}:\d{2}(?::\d{2})?.*)?")
_DATE_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+")

Value = str | int | float | bool


@dataclass(eq=False)  # not frozen: contextlib sets the traceback of what passes it
class ValueProblem(Exception):
    """The text does not fit; `code` is control, long, number, date, boolean or choice."""

    code: str


def read(kind: str, text: str, choices: Sequence[str] = ()) -> Value:
    """The value of a field of this kind, in JSON's types. Raises ValueProblem. `text` is not empty."""
    if kind == "text":
        return clean(text, MAX_TEXT)
    plain = unicodedata.normalize("NFKC", text).strip()
    if kind == "number":
        return _number(plain)
    if kind == "date":
        return _date(plain)
    if kind == "boolean":
        return _boolean(plain)
    return _choice(text.strip(), choices)


def clean(text: str, limit: int) -> str:
    """One line of text without control characters, which have no place in a header (RFC 5322, 2.2)."""
    text = text.strip()
    if any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in text):
        raise ValueProblem("control")
    if len(text) > limit:
        raise ValueProblem("long")
    return text


TAG_SEPARATORS = ",、"  # where tags are typed in one line


def tags_of(parts: Iterable[str]) -> list[str]:
    """The tags, each once, without the empty ones. Raises ValueProblem."""
    found = (clean(part, MAX_TAG) for part in parts)
    return list(dict.fromkeys(tag for tag in found if tag))


def split_name(text: str) -> tuple[str, str]:
    """(first name, last name) of a whole one: Japanese has the family name first, without a space it is all of it."""
    parts = text.replace("\u3000", " ").split()
    if len(parts) < 2:
        name = parts[0] if parts else ""
        return ("", name) if _east_asian(name) else (name, "")
    if _east_asian(text):
        return " ".join(parts[1:]), parts[0]
    return " ".join(parts[:-1]), parts[-1]


def _east_asian(text: str) -> bool:
    return any(ord(char) >= 0x3000 for char in text)


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text) or len(text) > 30:
        raise ValueProblem("number")
    plain = text.replace(",", "")
    number = float(plain) if "." in plain else int(plain)
    if not math.isfinite(number) or abs(number) > 10**15:
        raise ValueProblem("number")
    return number


def _date(text: str) -> str:
    found = _DATE.fullmatch(text) or _DATE_DIGITS.fullmatch(text)
    if not found:
        raise ValueProblem("date")
    try:
        return dt.date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        raise ValueProblem("date") from None


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueProblem("boolean")


def _choice(text: str, choices: Sequence[str]) -> str:
    for choice in choices:
        if choice.casefold() == text.casefold():
            return choice
    raise ValueProblem("choice")


# What makes a spreadsheet read a cell as a formula, the full-width signs of Japanese ones among them (OWASP).
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def guard_formula(text: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def unguard_formula(text: str) -> str:
    """The cell without the apostrophe that `guard_formula` put there."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_SIGNS) else text
