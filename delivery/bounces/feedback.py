"""Feedback reports: who called a mail spam, or opted out at their provider (RFC 5965, RFC 6591)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.bounces import mime
from delivery.bounces.codes import addresses_in
from delivery.bounces.dialects import amazon
from delivery.bounces.letter import Letter

_TYPE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_REDACTED = re.compile(r"^(?:redacted|undisclosed|hidden|removed|user-?hidden|x{3,}|\*+)|@(?:redacted|undisclosed)")
_NAMED = ("original-rcpt-to", "removal-recipient", "redacted-address", "original-recipient")
# Not a person's opinion: a check failed, or somebody said that it was no spam (RFC 6591; RFC 6430).
NO_COMPLAINT = frozenset({"auth-failure", "not-spam", "dmarc", "dkim", "spf", "virus"})
# Microsoft's programme sends no feedback part, only the message with a field of its own.
_MICROSOFT = re.compile(r"complaint about message from", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Feedback:
    """`kind` is the Feedback-Type, lower case."""

    kind: str
    people: tuple[str, ...]
    said: str

    @property
    def complains(self) -> bool:
        return self.kind not in NO_COMPLAINT


def read(letter: Letter) -> Feedback | None:
    """The feedback in a message, or None where it is no such report."""
    if letter.feedback:
        return _reported(letter, dict(reversed(mime.head(letter.feedback[0]))))
    people, kind = amazon.complained(amazon.payload(letter))
    if kind:
        return Feedback(kind.lower(), tuple(people), "Feedback-Type: " + kind)
    if letter.get("x-apple-unsubscribe").lower() == "true":
        return Feedback("opt-out", tuple(addresses_in(letter.sender)[:1]), letter.text[:500])
    by_microsoft = _MICROSOFT.search(letter.subject) or letter.sender.lower().find("staff@hotmail.com") >= 0
    if by_microsoft and letter.returned:
        return Feedback("abuse", _original(letter), letter.subject)
    return None


def _reported(letter: Letter, fields: dict[str, str]) -> Feedback:
    kind = fields.get("feedback-type", "").lower().partition(" ")[0]
    every = mime.head(letter.feedback[0])
    named = [address for name, value in every if name in _NAMED for address in addresses_in(value)]
    people = [address for address in dict.fromkeys(named) if not _REDACTED.search(address)]
    return Feedback(kind if _TYPE.fullmatch(kind) else "other", tuple(people) or _original(letter), letter.text[:500])


def _original(letter: Letter) -> tuple[str, ...]:
    """To whom the reported message had gone, where its head still tells."""
    heads = [field for text in letter.returned for field in mime.head(text)]
    names = ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to")
    for name in names:
        values = [addresses_in(mime.words(value)) for key, value in heads if key == name]
        found = [address for addresses in values for address in addresses if not _REDACTED.search(address)]
        if len(found) == 1:
            return tuple(found)
    return ()
