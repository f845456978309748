"""Reads a mail that came back. Pure; never fails; time and memory are bounded (the limits of delivery.bounces.mime)."""

from __future__ import annotations

import re

from delivery.bounces import dsn, mime
from delivery.bounces.notice import settle
from delivery.bounces.report import Deed, Kind, Report

REFERENCES = 3  # of one report

_RETURNED = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/rfc822-headers"}
)
_REFERENCE = re.compile(r"[a-z0-9-]{1,64}")


def read(raw: bytes) -> Report:
    """What the message says. Kind other, and nobody named, where it reports nothing."""
    message = mime.parse(raw)
    leaves = message.leaves()
    notices = [notice for leaf in leaves if leaf.type in dsn.TYPES for notice in dsn.read(leaf.text)]
    references = _references([leaf.text for leaf in leaves if leaf.type in _RETURNED])
    told = tuple(settle(notice) for notice in notices)
    bounced = any(each.action in (Deed.FAILED, Deed.DELAYED) for each in told)
    return Report(Kind.BOUNCE if bounced else Kind.OTHER, told, references)


def _references(returned: list[str]) -> tuple[str, ...]:
    """The values of our own header in the heads of the messages that a report returns."""
    found = [
        value.lower()
        for text in returned
        for name, value in mime.head(text.lstrip("\n").partition("\n\n")[0])
        if name == "x-shirase-ref" and _REFERENCE.fullmatch(value.lower())
    ]
    return tuple(dict.fromkeys(found))[:REFERENCES]
