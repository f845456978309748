"""The sandbox mailbox: what our own receiver took, read as a person would read it."""

from __future__ import annotations

import email
import email.message
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from delivery.bounces import complaints
from delivery.models import Event, Mailing, Message, SandboxMail
from delivery.sandbox.store import readable
from delivery.smtp.replies import clean

PAGE = 50
LONGEST = 2_000_000  # octets of a mail that are parsed for showing
MOST_HEADERS = 200

# What a person did last says most: the first of these that happened is shown.
DEEDS = (
    (Event.Kind.COMPLAINT, "complained"),
    (Event.Kind.UNSUBSCRIBE, "unsubscribed"),
    (Event.Kind.CLICK, "clicked"),
    (Event.Kind.OPEN, "opened"),
)


@dataclass(frozen=True)
class Item:
    """One line of the list. `state` is a word of the message vocabulary."""

    mail: SandboxMail
    name: str
    state: str


@dataclass(frozen=True)
class Letter:
    """One mail taken apart. Everything in it is foreign text."""

    mail: SandboxMail
    subject: str
    sender: str
    to: str
    html: str
    text: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    raw: str = ""
    message: Message | None = None


@dataclass(frozen=True)
class Page:
    items: list[Item]
    older: int | None


def page(workspace: Workspace, *, words: str = "", before: int | None = None, notices: bool = False) -> Page:
    """Newest first. `notices`: also invitations and password resets, which only install administrators
    may read: whoever holds such a link becomes that person."""
    rows = SandboxMail.objects.filter(workspace=workspace).defer("raw_sealed").order_by("-pk")
    if before:
        rows = rows.filter(pk__lt=before)
    if words:
        rows = rows.filter(Q(rcpt__icontains=words) | Q(subject__icontains=words))
    if not notices:
        rows = rows.exclude(message_id__in=_notices(workspace))
    found = list(rows[: PAGE + 1])
    names, states = _names(found), _states(found)
    items = [
        Item(mail, names.get(mail.message_id, mail.rcpt), states.get(mail.message_id, "delivered"))
        for mail in found[:PAGE]
    ]
    return Page(items, found[PAGE - 1].pk if len(found) > PAGE else None)


def _notices(workspace: Workspace) -> Any:
    return Message.objects.filter(mailing__workspace=workspace, mailing__kind=Mailing.Kind.NOTICE).values("pk")


def _names(mails: list[SandboxMail]) -> dict[int | None, str]:
    rows = Message.objects.select_related("contact").filter(
        pk__in=[mail.message_id for mail in mails if mail.message_id]
    )
    return {row.pk: str(row.contact) for row in rows if row.contact}


def _states(mails: list[SandboxMail]) -> dict[int | None, str]:
    ids = [mail.message_id for mail in mails if mail.message_id]
    happened: dict[int | None, set[str]] = {}
    for message_id, kind in Event.objects.filter(message_id__in=ids).values_list("message_id", "kind"):
        happened.setdefault(message_id, set()).add(kind)
    return {
        pk: next(word for kind, word in DEEDS if kind in kinds)
        for pk, kinds in happened.items()
        if kinds & {k for k, _ in DEEDS}
    }


def find(workspace: Workspace, pk: int, *, notices: bool) -> SandboxMail | None:
    rows = SandboxMail.objects.filter(workspace=workspace, pk=pk)
    if not notices:
        rows = rows.exclude(message_id__in=_notices(workspace))
    return rows.first()


def read(mail: SandboxMail) -> Letter:
    """Take it apart and mark it read. Whatever cannot be parsed is shown as it came."""
    raw = mail.raw[:LONGEST]
    SandboxMail.objects.filter(pk=mail.pk, read_at=None).update(read_at=timezone.now())
    # Not Python's newer policy: its header parser breaks, or takes seconds, over what strangers write.
    parsed = email.message_from_bytes(raw)
    headers = [(clean(name), readable(value)) for name, value in parsed.items()[:MOST_HEADERS]]
    said = {name.lower(): value for name, value in headers}
    return Letter(
        mail=mail,
        subject=said.get("subject", ""),
        sender=said.get("from", mail.mail_from),
        to=said.get("to", mail.rcpt),
        html=_part(parsed, "html"),
        text=_part(parsed, "plain"),
        headers=headers,
        raw=raw.decode("utf-8", "replace"),
        message=Message.objects.select_related("contact", "mailing").filter(pk=mail.message_id or 0).first(),
    )


def _part(parsed: email.message.Message, kind: str) -> str:
    """The first text of this kind; one in an unknown encoding as well as it can be read."""
    part = next((part for part in parsed.walk() if part.get_content_type() == f"text/{kind}"), None)
    payload = part.get_payload(decode=True) if part else None
    if part is None or not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


def complain(letter: Letter) -> bool:
    """As the reader's "This is spam" button: what a feedback loop would tell us. False when it was done before."""
    message = letter.message
    if message is None or message.contact is None:
        return False
    return complaints.complained(message, source="sandbox mailbox")
