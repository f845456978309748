"""What their servers said: raw replies, counted by what they have in common. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 600  # characters of a reply that are looked at, as many as are stored
_CODE = re.compile(r"\W*[245](?:\d\d|\.\d{1,3}\.\d{1,3})\W*", re.ASCII)


@dataclass(frozen=True)
class Said:
    """One kind of reply: its newest text word for word, how often, and one message that got it."""

    code: int
    text: str
    people: int
    message: int

    @property
    def line(self) -> str:
        return f"{self.code} {self.text}".strip()


def kinds(replies: Iterable[tuple[int, str, int]]) -> list[Said]:
    """Of (code, text, message), newest first: each kind of reply once, the most frequent first."""
    found: dict[tuple[int, str], Said] = {}
    for code, text, message in replies:
        key = (code, pattern(text))
        one = found.get(key, Said(code, text[:LONGEST], 0, message))
        found[key] = Said(one.code, one.text, one.people + 1, one.message)
    return sorted(found.values(), key=lambda one: (-one.people, one.line))


def pattern(text: str) -> str:
    """The reply without what is only this person's: addresses, and words with digits (queue ids, times, IP addresses)
    that are no codes."""
    return " ".join("…" if _own(word) else word for word in text[:LONGEST].lower().split())


def _own(word: str) -> bool:
    digits = any(letter.isdecimal() for letter in word)
    return "@" in word or (digits and not _CODE.fullmatch(word))
