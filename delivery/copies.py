"""Exactly what one person received: built again from the frozen content and the values of that moment, and compared."""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from django.conf import settings

from contacts.models import Contact
from delivery import letters
from delivery.content.compose import Composer
from delivery.content.headers import BadHeader
from delivery.content.source import RenderLimit, TemplateProblem
from delivery.models import Attempt, Message


@dataclass(frozen=True)
class Copy:
    """`data` are the octets as they travelled. `same` is None where nothing was sent to compare with."""

    data: bytes
    values_at: datetime
    same: bool | None
    parsed: EmailMessage

    def part(self, kind: str) -> str:
        """The HTML ("html") or text ("plain") part."""
        body = self.parsed.get_body((kind,))
        return str(body.get_content()) if body is not None else ""

    @property
    def headers(self) -> str:
        return self.data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def source(self) -> str:
        return self.data.decode("utf-8", "replace").replace("\r\n", "\n")


def copy_of(message: Message, now: datetime) -> Copy | None:
    """The copy of the last try; of a message that was never tried, what it would be now. None: it cannot be built."""
    outcome = Attempt.objects.filter(message_id=message.pk, sha256__isnull=False).order_by("-at").first()
    values_at = _marked_at(message, outcome) or now
    wanted = bytes(outcome.sha256) if outcome and outcome.sha256 else None
    person = _person(message, values_at)
    built: bytes | None = None
    # A token names its key, so a copy of last year is signed with last year's.
    for key_id in settings.TOKEN_KEYS:
        data = _build(message, person, values_at, key_id)
        built = built or data
        if wanted is None or (data and hashlib.sha256(data).digest() == wanted):
            built = data
            break
    if built is None:
        return None
    parsed = email.message_from_bytes(built, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    same = None if wanted is None else hashlib.sha256(built).digest() == wanted
    return Copy(built, values_at, same, parsed)


def _marked_at(message: Message, outcome: Attempt | None) -> datetime | None:
    """The database's time of the read that this try was written from."""
    if outcome is None:
        return None
    marks = Attempt.objects.filter(lease_id=outcome.lease_id, ids__contains=[message.pk], at__lte=outcome.at)
    return marks.order_by("-at").values_list("values_at", flat=True).first()


def _person(message: Message, at: datetime) -> dict[str, Any]:
    contact: Contact | None = message.contact or message.mailing.as_contact
    if contact is None:
        return {}
    values = contact.values_at(at)
    columns = {name: values.get(name, "") for name in ("address", "first_name", "last_name", "language")}
    own = {name.removeprefix("fields."): value for name, value in values.items() if name.startswith("fields.")}
    return {**columns, "tags": values.get("tags", []), "fields": own}


def _build(message: Message, person: dict[str, Any], at: datetime, key_id: str) -> bytes | None:
    try:
        writer: Composer = letters.composer(message.mailing, key_id=key_id)
        recipient = letters.recipient(message.pk, message.contact_id, message.rcpt, person)
        return writer.compose(recipient, second=int(at.timestamp())).data
    except (BadHeader, RenderLimit, TemplateProblem):
        return None


_HREF = re.compile(r"""(<a\b[^>]*?)\shref\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_PIXEL = re.compile(r"""<img\b[^>]*?\bsrc\s*=\s*["']?[^"'\s>]*/o/[0-9a-z-]+["']?[^>]*>""", re.IGNORECASE)


def inert(html: str) -> str:
    """For showing to the team: links lead nowhere and the open pixel is left out, so that looking changes nothing."""
    return without_pixel(_HREF.sub(r"\1", html))


def without_pixel(html: str) -> str:
    """Looking at a copy is no open."""
    return _PIXEL.sub("", html)
