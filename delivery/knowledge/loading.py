"""Reads causes/*.toml and entries/*.toml. A mistake in them names its file and id.

A new reply needs a new `[[entry]]` in one of the entry files: how to recognise it, the id of a cause,
where the knowledge comes from, and at least one sample that hits it (the tests try every sample):

    must = ["one phrase", ["either", "or"]]   all of these have to be in the text, in lower case
    must = ["{user,mailbox} {unknown,not found}"]   is short for the four phrases, of which one has to be there
    not = ["phrase"]                          none of these
    enhanced = "5.7.60*", reply = "55", phase = ["rcpt"], provider = a family of delivery/providers.toml

A new cause is a table of causes/*.toml, in both languages; its id is stored in the database for ever.

An operator's own folder (KNOWLEDGE_DIR, see docs/operations.md) holds both in any *.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from delivery import providers
from delivery.knowledge.vocabulary import SUPPRESSING, Action, Category, Cause, Entry, Explanation, Scope
from delivery.smtp.replies import Phase

FOLDER = Path(__file__).parent

# Within a tier the first entry that fits wins, so the order of files counts: a named blocklist
# before "blocked", a full mailbox before the "5.1.1" that some servers put in front of it.
ENTRY_FILES = (
    "local",
    "gmail",
    "microsoft",
    "yahoo",
    "apple",
    "japan",
    "gateways",
    "isps",
    "smarthosts",
    "blocklists",
    "texts_sender",
    "texts_message",
    "texts_recipient",
    "texts_traffic",
    "iana",
    "bare",
)


LOCAL = "local"  # the provider of replies that our own client made
_ID = re.compile(r"[a-z0-9_]+")  # stands in addresses of pages
_ENHANCED = re.compile(r"(\d+\*?|\*)(\.(\d+\*?|\*)){2}")
_BRACES = re.compile(r"[{}]")
_REPLY = re.compile(r"[2-5]?\d{0,2}")
_ADDRESS = re.compile(r"https?://[^/\s]")

_operators: list[Path] = []  # their folder, if there is one


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything known, in the order of its files; an operator's own entries before ours."""

    causes: dict[str, Cause]
    entries: tuple[Entry, ...]


def read_also(folder: Path) -> None:
    """Takes an operator's rules from every *.toml in `folder`; to be called before the first question.

    Raises ValueError or OSError for what cannot be used, naming file and id.
    """
    _operators[:] = [folder]
    knowledge.cache_clear()
    knowledge()


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    """Read once, on the first question."""
    ours = sorted((FOLDER / "causes").glob("*.toml"))
    theirs = [path for folder in _operators for path in sorted(folder.iterdir()) if path.suffix == ".toml"]
    causes: dict[str, Cause] = {}
    for path in (*ours, *theirs):
        for cause in _causes(path):
            if cause.id in causes:
                raise ValueError(f"{path.name}: there is a cause {cause.id!r} already")
            causes[cause.id] = cause
    files = (*theirs, *(FOLDER / "entries" / f"{name}.toml" for name in ENTRY_FILES))
    entries = tuple(entry for path in files for entry in _entries(path))
    for entry in entries:
        if entry.cause not in causes:
            raise ValueError(f"{entry.id}: there is no cause {entry.cause!r}")
    return Knowledge(causes, entries)


def operators_entries() -> tuple[Entry, ...]:
    """Those of the operator's folder alone, in their order."""
    count = sum(len(_data(path).get("entry", ())) for folder in _operators for path in folder.glob("*.toml"))
    return knowledge().entries[:count]


def _data(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _causes(path: Path) -> Iterator[Cause]:
    for key, row in _data(path).items():
        if key in ("entry", "defaults"):
            continue
        try:
            yield _cause(key, row)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}: {key}: {_told(error)}") from error


def _cause(key: str, row: dict[str, Any]) -> Cause:
    if not _ID.fullmatch(key):
        raise ValueError("an id has small letters, digits and underscores only")
    if Action(row["action"]) in SUPPRESSING and row["scope"] != Scope.RECIPIENT:
        raise ValueError("only what concerns one recipient may stop an address")
    return Cause(
        id=key,
        category=Category(row["category"]),
        scope=Scope(row["scope"]),
        action=Action(row["action"]),
        retry=row["retry"],
        hard=row["hard"],
        en=Explanation(row["title_en"], row["why_en"], tuple(row["advice_en"])),
        ja=Explanation(row["title_ja"], row["why_ja"], tuple(row["advice_ja"])),
    )


def _entries(path: Path) -> Iterator[Entry]:
    data = _data(path)
    for row in data.get("entry", ()):
        try:
            yield _checked(_entry({**data.get("defaults", {}), **row}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}: {row.get('id', row)}: {_told(error)}") from error


def _told(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        id=row["id"],
        cause=row["cause"],
        provider=row.get("provider", ""),
        phases=tuple(Phase(phase) for phase in row.get("phase", ())),
        reply=row.get("reply", ""),
        enhanced=row.get("enhanced", ""),
        must=tuple(_spread([words] if isinstance(words, str) else words) for words in row.get("must", ())),
        never=_spread(row.get("not", ())),
        retry=row.get("retry"),
        confidence=row.get("confidence", 0.9),
        source_url=row.get("source_url", ""),
        source_date=str(row.get("source_date", "")),
        samples=tuple(row["samples"]),
    )


def _spread(phrases: Iterable[str]) -> tuple[str, ...]:
    """`{a,b} {c,d}` is `a c`, `a d`, `b c`, `b d`."""
    parts = [[part.split(",") if n % 2 else [part] for n, part in enumerate(_BRACES.split(one))] for one in phrases]
    return tuple(dict.fromkeys("".join(chosen) for one in parts for chosen in product(*one)))


def _checked(entry: Entry) -> Entry:
    if entry.enhanced and not _ENHANCED.fullmatch(entry.enhanced):
        raise ValueError(f"enhanced {entry.enhanced!r} is no code such as 5.1.1, *.2.2 or 5.7.60*")
    if not _REPLY.fullmatch(entry.reply):
        raise ValueError(f"reply {entry.reply!r} is no beginning of a reply code, such as 550, 55 or 5")
    if entry.provider not in {"", LOCAL, *(one.family for one in providers.named().values())}:
        raise ValueError(f"there is no provider {entry.provider!r}")
    for phrase in (*(phrase for group in entry.must for phrase in group), *entry.never):
        if not phrase or phrase != " ".join(phrase.lower().split()):
            raise ValueError(f"{phrase!r} is never found: texts are read in lower case, with single spaces")
    if entry.source_url and not _ADDRESS.match(entry.source_url):
        raise ValueError(f"source_url {entry.source_url!r} is no address of a page")
    if not entry.samples:
        raise ValueError("a sample is missing")
    return entry
