"""The bytes of one message: a skeleton made once a mailing, filled for each person.

Deterministic: the Message-ID and the boundary follow from the message's id and keys, the Date is an argument, so the
same message can be built again years later and compared.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.smtp.commands import a_label

from .headers import BadHeader, addr_spec, clean, mailbox, one_line, rfc_date
from .mime import Encoding, header_text
from .render import Encoded

_FEEDBACK = re.compile(r"[A-Za-z0-9._-]*(?::[A-Za-z0-9._-]*){2}:[A-Za-z0-9._-]{5,15}")
_LIST_ID = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_NAME = re.compile(r"X-[A-Za-z0-9-]{1,60}")
_OURS = {"x-shirase-ref"}


@dataclass(frozen=True)
class Identity:
    """Who a mailing is from and what its fixed fields say. Empty fields are left out.

    `list_id` is a name like `list-7.example.com`, the same for every mailing of a list; `feedback_id` is
    `a:b:c:SenderId` with a sender id of 5–15 characters; `auto_submitted` marks our automatic mail (RFC 3834).
    """

    address: str
    name: str = ""
    reply_to: str = ""
    list_id: str = ""
    list_name: str = ""
    feedback_id: str = ""
    auto_submitted: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Addressed:
    """One message's own header values. An empty `unsubscribe` leaves the List-Unsubscribe fields out."""

    id: int
    to: str
    to_name: str
    second: int  # of its Date, since the epoch
    reference: str  # the return-path token, for bounces that lose the envelope
    unsubscribe: str


def id_proof(reference: str, content_hash: str) -> str:
    """The part of a Message-ID that only we can write: nobody who has not seen the message knows it, and it tells
    nothing of the reference.

    With the letter in it ids stay apart after the database was made anew: receivers drop a Message-ID that they know.
    """
    return hashlib.sha256(f"{reference} {content_hash}".encode()).hexdigest()[:16]


class Skeleton:
    """Everything that the messages of one mailing share. Raises BadHeader for values that cannot stand in a header."""

    def __init__(self, identity: Identity, encodings: tuple[Encoding, Encoding], content_hash: str) -> None:
        self._top = "From: " + mailbox("From", identity.name, _ascii("From", identity.address)) + "\r\n"
        self._fixed = _fixed(identity)
        self._html_encoding, self._text_encoding = encodings
        domain = addr_spec("From", identity.address).rpartition("@")[2]
        self._hash = content_hash
        self._id_end = f"@{domain}>"

    def build(self, to: Addressed, body: Encoded) -> bytes:
        """The whole message, unsigned: CRLF only, 7-bit but for a UTF-8 recipient, lines of at most 78 or so."""
        boundary = f"=_{to.id:x}_shirase"  # "=_" occurs neither in quoted-printable nor in base64
        unsubscribe = (
            f"List-Unsubscribe: <{to.unsubscribe}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            if to.unsubscribe
            else ""
        )
        return (
            f"Date: {_date(to.second)}\r\n{self._top}To: {_to(to.to_name, to.to)}\r\n"
            f"Subject: {_subject(body.subject)}\r\n"
            f"Message-ID: <{to.id:x}.{id_proof(to.reference, self._hash)}{self._id_end}\r\n"
            f"{unsubscribe}{self._fixed}X-Shirase-Ref: {to.reference}\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {self._text_encoding}\r\n\r\n{body.text}\r\n"
            f"--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {self._html_encoding}\r\n\r\n{body.html}\r\n--{boundary}--\r\n"
        ).encode()


def _fixed(identity: Identity) -> str:
    lines = []
    if identity.reply_to:
        lines.append("Reply-To: " + mailbox("Reply-To", "", _ascii("Reply-To", identity.reply_to)))
    if identity.list_id:
        lines.append("List-Id: " + _list_id(identity.list_name, identity.list_id))
    if identity.feedback_id:
        if not _FEEDBACK.fullmatch(identity.feedback_id):
            raise BadHeader("Feedback-ID is not a:b:c:SenderId with a sender id of 5 to 15 characters")
        lines.append(f"Feedback-ID: {identity.feedback_id}")
    if identity.auto_submitted:
        lines.append("Auto-Submitted: auto-generated")
    for name, value in identity.headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise BadHeader(f"{name[:60]!r} is no header that a mailing may set")
        lines.append(f"{name}: {header_text(name, clean(name, value).strip())}")
    return "".join(line + "\r\n" for line in lines)


def _ascii(name: str, address: str) -> str:
    """The domain as A-label. A UTF-8 local part would make every message one that few servers take (RFC 6531)."""
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise BadHeader(f"{name} has letters before the @ that few mail servers take")
    return address if domain.isascii() else f"{local}@{a_label(domain) or domain}"


def _list_id(name: str, list_id: str) -> str:
    if not _LIST_ID.fullmatch(list_id) or len(list_id) > 255:
        raise BadHeader("List-Id is no name like list-7.example.com")
    # RFC 2919 has a phrase before the id, like that of an address.
    return mailbox("List-Id", name, f"x@{list_id}").replace("<x@", "<") if name.strip() else f"<{list_id}>"


@functools.lru_cache(maxsize=64)
def _date(second: int) -> str:
    return rfc_date(second)


@functools.lru_cache(maxsize=1024)
def _subject(subject: str) -> str:
    return header_text("Subject", one_line("Subject", subject))


def _to(name: str, address: str) -> str:
    return mailbox("To", name, address)
