"""Finds the DMARC aggregate report in a mail (RFC 9990, 5). Pure; bounded by the limits of the readers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from delivery.bounces import mime
from delivery.dmarc.report import Report, Unreadable, read
from delivery.dmarc.unpacking import MOST_XML, TooBig

MOST_LOOKED_AT = 3  # attachments of one mail
MAILBOX = "dmarc"  # the local part that our records name

_MAYBE = re.compile(rb"(?:application|text)/[\w.+-]{0,20}(?:zip|xml)|\.(?:zip|xml|gz)", re.IGNORECASE)
_TYPES = frozenset(
    f"{kind}/{name}"
    for kind in ("application", "text")
    for name in ("zip", "x-zip-compressed", "x-zip", "gzip", "x-gzip", "xml", "xml+gzip", "gzip+xml")
)
_NAME = re.compile(r"\.(?:zip|xml|gz|gzip)$", re.IGNORECASE)
# receiver!domain!begin!end[!unique].gz: RFC 9990, 5.1
_SAYS_SO = re.compile(r"[^!\s]{1,255}!([\w.-]{1,255})![0-9]{1,12}![0-9]{1,12}(?:![^!]{0,100})?\.(?:zip|xml|gz|xml\.gz)")
_SUBJECT = re.compile(r"\breport[ _]domain:", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """What a mail reports: `report`, or why that cannot be read. `domain` is what its file name says, "" for none."""

    digest: str
    report: Report | None = None
    too_big: bool = False
    domain: str = ""


def look(raw: bytes, rcpt: str = "") -> Found | None:
    """None for a mail that is no aggregate report. One that cannot be read is told only where the mail says that it is
    one: by its address, its subject, or its file's name."""
    if not _MAYBE.search(raw):
        return None
    message = mime.parse(raw, leaf_limit=MOST_XML)
    files = [leaf for leaf in message.leaves() if leaf.type in _TYPES or _NAME.search(name_of(leaf))]
    meant = is_asked(rcpt) or bool(_SUBJECT.search(message.get("subject")))
    worst: Found | None = None
    for leaf in files[:MOST_LOOKED_AT]:
        found = of_file(leaf.octets, name_of(leaf))
        if found.report is not None:
            return found
        if worst is None and (meant or found.domain):
            worst = found
    return worst


def is_asked(rcpt: str) -> bool:
    """Whether an address is one that our records name."""
    return rcpt.lower().startswith(f"{MAILBOX}@")


def of_file(data: bytes, name: str = "") -> Found:
    """Of the file alone, as it was attached or chosen by hand."""
    digest = hashlib.sha256(data).hexdigest()
    said = _SAYS_SO.fullmatch(name.strip())
    domain = said[1].lower().rstrip(".") if said else ""
    try:
        return Found(digest, read(data), domain=domain)
    except Unreadable as error:
        return Found(digest, too_big=isinstance(error, TooBig), domain=domain)


def name_of(leaf: mime.Entity) -> str:
    disposition = mime.parameters(leaf.get("content-disposition"))
    return mime.words(disposition.get("filename") or leaf.params.get("name", ""))
