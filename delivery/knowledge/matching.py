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
from typing import NamedTuple

from delivery import providers
from delivery.knowledge.loading import LOCAL, knowledge
from delivery.knowledge.phrases import PhraseIndex
from delivery.knowledge.vocabulary import SUPPRESSING, Action, Category, Cause, Entry, Verdict
from delivery.smtp.replies import TEXT_LIMIT, EnhancedStatus, Phase, Reply

# Before RCPT a server has heard of no recipient, so it can have said nothing about one.
_BEFORE_RCPT = frozenset({Phase.CONNECT, Phase.TLS, Phase.HELO, Phase.AUTH, Phase.MAIL})

SENDER_UNKNOWN = "text.sender_unknown"

# Vague words ("later", "policy") give way to a clear code, clear words do not.
_CLEAR = 0.65

# Quantifiers are bounded: each pattern is linear. Addresses go, lest spam@example.com be read as a verdict.
_ADDRESS = re.compile(r"<[^\s<>/]{1,320}>|[^\s<>@():,;]{1,64}@[\w.\-]{1,255}")
_LINE_START = re.compile(r"(?m)^(?:[245]\d\d[ -])?(?:[245]\.\d{1,3}\.\d{1,3}(?=\s|$))?")
_STATUS_IN_TEXT = re.compile(r"(?:^|#|\()([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")


class _Facts(NamedTuple):
    """What is known of a reply beside its words, as entries ask for it."""

    family: str
    phase: Phase
    digits: str
    status: str


@dataclass(frozen=True, slots=True)
class _Rules:
    """The entries in the order in which they win, and how to find those that speak of a phrase."""

    entries: tuple[Entry, ...]
    textless: tuple[int, ...]
    sender: int  # the entry of words that say of *us* what others say of recipients
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
        sender=next(position for position, entry in enumerate(entries) if entry.id == SENDER_UNKNOWN),
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
    family = family or providers.family_by_signs(here) or _family_by_status(status)
    facts = _Facts(family, phase, str(code), str(status or ""))
    speaking = {position for phrase in here for position in rules.by_phrase.get(phrase, ())}
    best = next(
        (at for at in sorted(speaking) if _fits(rules.entries[at], facts) and _says(rules.entries[at], here)), None
    )
    silent = _silent(facts)
    winner = silent if best is None else min(best, silent)
    if _against_recipient(rules.entries[winner]) and _says(rules.entries[rules.sender], here):
        winner = rules.sender
    return _verdict(winner, phase, code or (status.klass * 100 if status else 0))


def _against_recipient(entry: Entry) -> bool:
    cause = knowledge().causes[entry.cause]
    return cause.action in SUPPRESSING or cause.category is Category.INVALID_DOMAIN


def _family_by_status(status: EnhancedStatus | None) -> str:
    """IANA's registry ends at 5.7.30: codes of three digits, such as 5.7.515, are Microsoft's own."""
    return "microsoft" if status and status.detail >= 100 else ""


@lru_cache(maxsize=4096)
def _silent(facts: _Facts) -> int:
    """The position of the best entry that asks for no words; the last one of all fits everything."""
    rules = _rules()
    return next(at for at in rules.textless if _fits(rules.entries[at], facts))


def _says(entry: Entry, here: set[str]) -> bool:
    return all(_any(words, here) for words in entry.must) and not _any(entry.never, here)


def _any(words: Iterable[str], here: set[str]) -> bool:
    return not here.isdisjoint(words)


def _fits(entry: Entry, facts: _Facts) -> bool:
    if entry.provider and entry.provider != facts.family:
        return False
    if entry.phases and facts.phase not in entry.phases:
        return False
    if not facts.digits.startswith(entry.reply):
        return False
    return not entry.enhanced or _status_fits(entry.enhanced, facts.status)


@lru_cache(maxsize=16384)
def _status_fits(pattern: str, status: str) -> bool:
    """`pattern` has three parts, each a number, "*", or digits and "*"."""
    if not status:
        return False
    parts = zip(pattern.split("."), status.split("."), strict=True)
    return all(have.startswith(want[:-1]) if want.endswith("*") else have == want for want, have in parts)


@lru_cache(maxsize=4096)
def _verdict(position: int, phase: Phase, code: int) -> Verdict:
    entry = _rules().entries[position]
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
