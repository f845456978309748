"""Which column goes where, and what one row becomes. Pure.

A target is "" (left out), one of TARGETS, "field:<key>" for a field that exists, or "new:<kind>" for one that
the import makes, named after its column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from contacts import values
from contacts.addresses import Address, parse
from contacts.importing.detect import address_columns
from contacts.importing.reading import Row
from contacts.values import ValueProblem

TARGETS = ("address", "first_name", "last_name", "full_name", "language", "tags", "consent")
NEW_KINDS = ("text", "number", "date", "boolean")
_HEADS = {
    "address": "email e-mail mail emailaddress mailaddress e-mailaddress address メール メールアドレス "
    "eメール eメールアドレス 電子メール アドレス pc用メールアドレス",
    "first_name": "firstname first givenname forename vorname 名 名(漢字)",
    "last_name": "lastname last surname familyname nachname 姓 苗字 姓(漢字)",
    "full_name": "name fullname contactname 氏名 名前 お名前 顧客名 会員名 氏名(漢字)",
    "language": "language lang locale 言語",
    "tags": "tags tag labels タグ",
    "consent": "consent optin opt-in subscribed newsletter 許可 メルマガ メルマガ許可 "
    "配信許可 配信希望 メール配信 同意",
}
_SPLIT_TAGS = re.compile(r"[,;|、]")


@dataclass(frozen=True)
class Options:
    """What a person decided about an import."""

    lists: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    statement: str = ""  # where the consent comes from, in their words
    keep_empty: bool = True  # an empty cell leaves the value as it is; else it erases it
    new_keys: list[str] = field(default_factory=list)  # one for each "new:" of the mapping, in order
    update: bool = True  # people who are here already get the file's values; else they stay as they are

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Options:
        return cls(**stored)

    def stored(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class FieldType:
    """What the mapping must know of a custom field."""

    key: str
    kind: str
    choices: tuple[str, ...] = ()


@dataclass(slots=True)
class Person:
    """What one row says of one person. None: nothing said, leave it; "" or a field's None: erase it."""

    address: Address
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    subscribe: bool = True
    problems: list[tuple[str, str]] = field(default_factory=list)  # (reason, column) of cells left out


Setter = Callable[[Person, str], None]


def guess(columns: Sequence[str], samples: Sequence[Sequence[str]], fields: Iterable[tuple[str, str]]) -> list[str]:
    """A target a column, by its name, and for the address by its cells; each target once. `fields`: (key, label)."""
    by_name = {word: target for target, words in _HEADS.items() for word in words.split()}
    for key, label in fields:
        by_name |= {_plain(key): f"field:{key}", _plain(label): f"field:{key}"}
    emails = set(_HEADS["address"].split())
    mapping, taken = [""] * len(columns), set[str]()
    addresses = address_columns(samples) or named_for_mail(columns)
    if addresses:
        named = [column for column in addresses if column < len(columns) and _plain(columns[column]) in emails]
        mapping[(named or addresses)[0]] = "address"
        taken.add("address")
    for column, name in enumerate(columns):
        target = by_name.get(_plain(name), "")
        if target and not mapping[column] and target not in taken:
            mapping[column] = target
            taken.add(target)
    return mapping


def named_for_mail(columns: Sequence[str]) -> list[int]:
    """The columns that are headed as mail addresses, whatever is in them; "address" alone may be a street's."""
    emails = {head for head in _HEADS["address"].split() if "mail" in head or "メール" in head}
    return [column for column, name in enumerate(columns) if _plain(name) in emails]


def check(mapping: Sequence[str]) -> str | None:
    """What is wrong with it: "no_address" or "twice"; None when it can be used."""
    if "address" not in mapping:
        return "no_address"
    used = [target for target in mapping if target and not target.startswith("new:")]
    return "twice" if len(used) != len(set(used)) else None


def guess_kind(cells: Iterable[str]) -> str:
    """The kind that all filled sample cells fit; text when none does."""
    filled = [cell for cell in cells if cell.strip()]
    return next((kind for kind in ("date", "number") if filled and all(_fits(kind, cell) for cell in filled)), "text")


class Mapper:
    """Turns rows into people. The mapping has no "new:" left: those fields have been given keys."""

    def __init__(self, columns: Sequence[str], mapping: Sequence[str], fields: dict[str, FieldType], options: Options):
        self._width = len(columns)
        self._address = list(mapping).index("address")
        self._setters = [
            (column, name, _setter(target, fields, keep_empty=options.keep_empty))
            for column, (name, target) in enumerate(zip(columns, mapping, strict=True))
            if target and target != "address"
        ]
        self._tags = list(options.tags)

    def person(self, row: Row) -> Person | str:
        """The person, or the reason (a row problem or an AddressProblem's value) why there is none."""
        cells = row.cells
        if not row.readable:
            return "unreadable"
        if len(cells) > self._width and any(cells[self._width :]):
            return "cells"
        address = parse(values.unguard_formula(_cell(cells, self._address)))
        if not isinstance(address, Address):
            return address.value
        person = Person(address, tags=list(self._tags))
        for column, name, setter in self._setters:
            try:
                setter(person, values.unguard_formula(_cell(cells, column).strip()))
            except ValueProblem as problem:
                person.problems.append((problem.code, name))
        return person


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column] if column < len(cells) else ""


def _setter(target: str, fields: dict[str, FieldType], *, keep_empty: bool) -> Setter:
    if target.startswith("field:"):
        return _field_setter(fields[target.removeprefix("field:")], keep_empty=keep_empty)
    if target in ("first_name", "last_name"):
        return _name_setter(target, keep_empty=keep_empty)
    return {"full_name": _set_full_name, "language": _set_language, "tags": _set_tags, "consent": _set_consent}[target]


def _field_setter(of: FieldType, *, keep_empty: bool) -> Setter:
    def set_field(person: Person, cell: str) -> None:
        if cell:
            person.fields[of.key] = values.read(of.kind, cell, of.choices)
        elif not keep_empty:
            person.fields[of.key] = None

    return set_field


def _name_setter(name: str, *, keep_empty: bool) -> Setter:
    def set_name(person: Person, cell: str) -> None:
        if cell or not keep_empty:
            setattr(person, name, values.clean(cell, values.MAX_NAME))

    return set_name


def _set_full_name(person: Person, cell: str) -> None:
    if cell:
        person.first_name, person.last_name = values.split_name(values.clean(cell, values.MAX_NAME))


def _set_language(person: Person, cell: str) -> None:
    if cell:
        person.language = language_code(cell)


def _set_tags(person: Person, cell: str) -> None:
    person.tags = list(dict.fromkeys([*person.tags, *values.tags_of(_SPLIT_TAGS.split(cell))]))


def _set_consent(person: Person, cell: str) -> None:
    # Neither an empty cell nor one that cannot be read is a yes.
    person.subscribe = False
    person.subscribe = bool(cell) and bool(values.read("boolean", cell))


def language_code(text: str) -> str:
    """ "ja" for ja, ja-JP, Japanese or 日本語. Raises ValueProblem."""
    word = text.strip().lower()
    named = {"japanese": "ja", "日本語": "ja", "jp": "ja", "english": "en", "英語": "en"}.get(word)
    code = named or re.split("[-_]", word)[0]
    if not re.fullmatch("[a-z]{2,3}", code):
        raise ValueProblem("language")
    return code


def _fits(kind: str, cell: str) -> bool:
    try:
        values.read(kind, cell)
    except ValueProblem:
        return False
    # A number with a leading zero is a code or a telephone number.
    return not (kind == "number" and re.match(r"0\d", cell.strip()))


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "", unicodedata.normalize("NFKC", name).lower())
