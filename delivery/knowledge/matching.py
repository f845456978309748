"""Finds the entry that explains a reply.

Most telling first: provider with code and text, provider with text, provider with code, text,
enhanced code, vague text, vague code, reply code with phase, class. Providers give IANA's numbers
meanings of their own (5.7.27 is "SPF failed" at Gmail, "sender has null MX" in RFC 7505), so they
come before the codes.

Reply texts are hostile: at most TEXT_LIMIT characters are looked at, and only by substring search.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from delivery import providers
from delivery.knowledge.loading import knowledge
from delivery.knowledge.phrases import PhraseIndex
from delivery.knowledge.vocabulary import SUPPRESSING, Action, Cause, Entry, Verdict
from delivery.smtp.replies import TEXT_LIMIT, EnhancedStatus, Phase, Reply

LOCAL = "local"  # the provider of replies that our own client made

# Before RCPT a server has heard of no recipient, so it can have said nothing about one.
_BEFORE_RCPT = frozenset({Phase.CONNECT, Phase.TLS, Phase.HELO, Phase.AUTH, Phase.MAIL})

# Vague words ("later", "policy") give way to a clear code, clear words do not.
_CLEAR = 0.65

# Quantifiers are bounded: each pattern is linear. Addresses go, lest spam@example.com be read as a verdict.
_ADDRESS = re.compile(r"<[^\s<>/]{1,320}>|<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?")
_LINE_START = re.compile(r"(?m)^(?:[245]\d\d[ -])?(?:[245]\.\d{1,3}\.\d{1,3}(?=\s|$))?")
_STATUS_IN_TEXT = re.compile(r"(?:^|#|\()([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")


@dataclass(frozen=True, slots=True)
class _Rules:
    """The entries in the order in which they win, and how to find those that speak of a phrase."""

    entries: tuple[Entry, ...]
    textless: tuple[int, ...]
    by_phrase: dict[str, tuple[int, ...]]
    index: PhraseIndex


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    entries = tuple(sorted(knowledge().entries, key=tier))
    by_phrase: defaultdict[str, list[int]] = defaultdict(list)
    for position, entry in enumerate(entries):
        for phrase in entry.must[0] if entry.must else ():
            by_phrase[phrase].append(position)
    phrases = [phrase for entry in entries for group in (*entry.must, entry.never) for phrase in group]
    return _Rules(
        entries=entries,
        textless=tuple(position for position, entry in enumerate(entries) if not entry.must),
        by_phrase={phrase: tuple(positions) for phrase, positions in by_phrase.items()},
        index=PhraseIndex([*phrases, *providers.signs()]),
    )


def tier(entry: Entry) -> int:
    """How telling an entry is: 0 most. Within a tier the order of the files decides."""
    if entry.provider:
        return (0 if entry.enhanced else 1) if entry.must else 2
    vague = 2 if entry.confidence < _CLEAR else 0
    if entry.must:
        return 3 + vague
    if entry.enhanced:
        return 4 + vague
    return 7 if entry.phases or len(entry.reply) == 3 else 8


def verdict(reply: Reply, provider: str) -> Verdict:
    """What the reply means. Never fails: what no rule knows is of category unknown."""
    if reply.synthetic:
        return _judge(LOCAL, reply.phase, reply.code, reply.status, f"[{reply.synthetic}]")
    if reply.ok:
        return _judge("", reply.phase, reply.code, None, "")
    status = reply.status or _status_in(reply.text[:TEXT_LIMIT])
    return _judge(providers.family(provider), reply.phase, reply.code, status, _plain(reply.text))


def _plain(text: str) -> str:
    """Lower case, single spaces, "@" for every address, and no codes at the start of lines."""
    text = text[:TEXT_LIMIT].lower().replace("’", "'")
    if "@" in text or "<" in text:
        text = _ADDRESS.sub("@", text)
    return " ".join(_LINE_START.sub("", text).split())


def _status_in(text: str) -> EnhancedStatus | None:
    """qmail writes "(#5.1.1)" behind its words; some proxies drop the code from its place."""
    match = _STATUS_IN_TEXT.search(text)
    return EnhancedStatus(*map(int, match.groups())) if match else None


@lru_cache(maxsize=8192)
def _judge(family: str, phase: Phase, code: int, status: EnhancedStatus | None, text: str) -> Verdict:
    rules = _rules()
    here = rules.index.found(text)
    family = family or providers.family_by_signs(here)
    speaking = {position for phrase in here for position in rules.by_phrase.get(phrase, ())}
    fitting = (
        position
        for position in sorted(speaking)
        if _says(rules.entries[position], here) and _fits(rules.entries[position], family, phase, code, status)
    )
    silent = _silent(family, phase, code, status)
    entry = rules.entries[min(next(fitting, silent), silent)]
    return _verdict(entry, phase, code or (status.klass * 100 if status else 0))


@lru_cache(maxsize=2048)
def _silent(family: str, phase: Phase, code: int, status: EnhancedStatus | None) -> int:
    """The position of the best entry that asks for no words; the last one of all fits everything."""
    rules = _rules()
    return next(at for at in rules.textless if _fits(rules.entries[at], family, phase, code, status))


def _says(entry: Entry, here: set[str]) -> bool:
    return all(_any(words, here) for words in entry.must) and not _any(entry.never, here)


def _any(words: Iterable[str], here: set[str]) -> bool:
    return not here.isdisjoint(words)


def _fits(entry: Entry, family: str, phase: Phase, code: int, status: EnhancedStatus | None) -> bool:
    if entry.provider and entry.provider != family:
        return False
    if entry.phases and phase not in entry.phases:
        return False
    return str(code).startswith(entry.reply) and _status_fits(entry.enhanced, status)


def _status_fits(pattern: str, status: EnhancedStatus | None) -> bool:
    """`pattern` is empty (fits all), or three parts, each a number, "*", or digits and "*"."""
    if not pattern:
        return True
    if status is None:
        return False
    parts = zip(pattern.split("."), str(status).split("."), strict=True)
    return all(have.startswith(want[:-1]) if want.endswith("*") else have == want for want, have in parts)


def _verdict(entry: Entry, phase: Phase, code: int) -> Verdict:
    cause = knowledge().causes[entry.cause]
    if cause.action in SUPPRESSING and phase in _BEFORE_RCPT and entry.provider != LOCAL:
        cause = knowledge().causes["unknown"]
    retry = _retry(entry, cause, code)
    return Verdict(
        cause=cause.id,
        category=cause.category,
        scope=cause.scope,
        action=_action(cause, retry),
        retry=retry,
        hard=cause.hard and not retry,
        entry=entry.id,
        confidence=entry.confidence,
    )


def _retry(entry: Entry, cause: Cause, code: int) -> bool:
    """The first digit decides (RFC 5321, 4.2.1), unless the entry knows better or there is no code."""
    if entry.retry is not None:
        return entry.retry
    return 400 <= code < 500 if code else cause.retry


def _action(cause: Cause, retry: bool) -> Action:
    """A temporary reply convicts nobody; a final one is not tried again."""
    if retry and cause.action in SUPPRESSING | {Action.IGNORE}:
        return Action.RETRY
    if not retry and cause.action is Action.RETRY:
        return Action.IGNORE
    return cause.action
