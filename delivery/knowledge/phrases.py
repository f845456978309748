"""Finds which of many phrases are in a text, in one pass over its words.

Only plain substring search is used, so hostile text costs no more than its length. A phrase of one
word must begin a word of the text: "rate limit" and "greylist" fit "Greylisted: rate limits", not
"separate limits".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_WORD = re.compile(r"[a-z0-9]+")
_STEM = 4  # letters by which a word that may go on ("greylist…") is looked up


class PhraseIndex:
    """Each phrase is filed under its rarest word; only the phrases of words that occur are searched."""

    def __init__(self, phrases: Iterable[str]) -> None:
        distinct = sorted(set(phrases))
        self._words: defaultdict[str, list[str]] = defaultdict(list)
        self._stems: defaultdict[str, list[str]] = defaultdict(list)
        self._always: list[str] = []
        usage = Counter(word for phrase in distinct for word in _WORD.findall(phrase))
        for phrase in distinct:
            self._file(phrase, usage)

    def _file(self, phrase: str, usage: Counter[str]) -> None:
        whole = [match[0] for match in _WORD.finditer(phrase) if match.end() < len(phrase)]
        last = [match[0] for match in _WORD.finditer(phrase) if match.end() == len(phrase) and len(match[0]) >= _STEM]
        if not whole and not last:
            self._always.append(phrase)
            return
        rarest = min(whole + last, key=lambda word: (usage[word], -len(word)))
        if rarest in whole:
            self._words[rarest].append(phrase)
            return
        self._stems[rarest[:_STEM]].append(phrase)

    def found(self, text: str) -> set[str]:
        """The phrases in this lower-case text."""
        words = set(_WORD.findall(text))
        likely = [self._always]
        likely += [self._words[word] for word in words & self._words.keys()]
        likely += [self._stems[stem] for stem in {word[:_STEM] for word in words} & self._stems.keys()]
        return {phrase for phrases in likely for phrase in phrases if phrase in text}
