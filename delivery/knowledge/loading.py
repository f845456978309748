"""Reads causes/*.toml and entries/*.toml. A mistake in them names its file and id.

A new reply needs a new `[[entry]]` in one of the entry files: how to recognise it, the id of a cause,
where the knowledge comes from, and at least one sample that hits it (the tests try every sample):

    must = ["one phrase", ["either", "or"]]   all of these have to be in the text, in lower case
    not = ["phrase"]                          none of these
    enhanced = "5.7.60*", reply = "55", phase = ["rcpt"], provider = a family of delivery/providers.toml

A new cause is a table of causes/*.toml, in both languages; its id is stored in the database for ever.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from delivery.knowledge.vocabulary import Action, Category, Cause, Entry, Explanation, Scope

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


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything known, in the order of its files."""

    causes: dict[str, Cause]
    entries: tuple[Entry, ...]


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    """Read once, on the first question."""
    causes = {cause.id: cause for path in sorted((FOLDER / "causes").glob("*.toml")) for cause in _causes(path)}
    entries = tuple(entry for name in ENTRY_FILES for entry in _entries(FOLDER / "entries" / f"{name}.toml"))
    for entry in entries:
        if entry.cause not in causes:
            raise ValueError(f"{entry.id}: there is no cause {entry.cause!r}")
    return Knowledge(causes, entries)


def _causes(path: Path) -> Iterator[Cause]:
    for key, row in tomllib.loads(path.read_text("utf-8")).items():
        try:
            yield _cause(key, row)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path.name}: {key}: {error}") from error


def _cause(key: str, row: dict[str, Any]) -> Cause:
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
    data = tomllib.loads(path.read_text("utf-8"))
    for row in data["entry"]:
        try:
            yield _entry({**data.get("defaults", {}), **row})
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path.name}: {row.get('id', row)}: {error}") from error


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        id=row["id"],
        cause=row["cause"],
        provider=row.get("provider", ""),
        phases=tuple(row.get("phase", ())),
        reply=row.get("reply", ""),
        enhanced=row.get("enhanced", ""),
        must=tuple((words,) if isinstance(words, str) else tuple(words) for words in row.get("must", ())),
        never=tuple(row.get("not", ())),
        retry=row.get("retry"),
        confidence=row["confidence"],
        source_url=row["source_url"],
        source_date=str(row["source_date"]),
        samples=tuple(row["samples"]),
    )
