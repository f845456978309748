"""A mailing's messages as they are written: from its rows to a composer, from a contact's columns to a recipient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from contacts.models import List
from delivery import contents, dkim_keys
from delivery.content.compose import Composer, Footing, Recipient
from delivery.content.message import Identity
from delivery.keyring import keyring
from delivery.models import Mailing
from delivery.smtp.commands import a_label

SENDER_ID = "shirase"  # of Feedback-ID: the same for all mail of the install

_FOOTINGS = {Mailing.Kind.CAMPAIGN: Footing.CAMPAIGN, Mailing.Kind.TEST: Footing.TEST}


def composer(mailing: Mailing, *, key_id: str | None = None) -> Composer:
    """Writes this mailing's messages. `key_id`: sign tokens as it was done then, to build an old message again.

    Raises BadHeader or TemplateProblem when the frozen content cannot be used.
    """
    ring = keyring()
    head = mailing.letterhead or letterhead(mailing)  # made before there were letterheads
    return Composer(
        contents.load(mailing.content),
        Identity(**head["identity"], headers=mailing.content.headers),
        mailing_id=mailing.pk,
        base_url=mailing.tracking_url or settings.TRACKING_URL,
        keyring=ring.signing_with(key_id) if key_id else ring,
        footing=_FOOTINGS.get(Mailing.Kind(mailing.kind), Footing.NOTICE),
        signer=dkim_keys.signer(mailing.from_address.sending_domain),
        campaign={"name": mailing.name},
        workspace=head["workspace"],
    )


def letterhead(mailing: Mailing) -> dict[str, Any]:
    """What its messages take from rows that people may change later, as it is now: kept with the mailing, so that what
    was checked is what is sent, and a copy can be built again."""
    sender, campaign, workspace = mailing.from_address, mailing.kind == Mailing.Kind.CAMPAIGN, mailing.workspace
    first = List.objects.filter(pk__in=mailing.include_lists[:1]).first() if campaign else None
    return {
        "identity": {
            "address": sender.address,
            "name": sender.name,
            "reply_to": mailing.reply_to or sender.reply_to,
            "list_id": f"{first.list_id_label}.{sender.sending_domain.name}" if first else "",
            "list_name": first.title if first else "",
            "feedback_id": f"{mailing.pk}:{mailing.workspace_id}:{mailing.kind}:{SENDER_ID}",
            "auto_submitted": mailing.kind in (Mailing.Kind.NOTICE, Mailing.Kind.OPT_IN),
        },
        "workspace": {
            "name": workspace.name,
            "legal_name": workspace.legal_name,
            "postal_address": workspace.postal_address,
        },
    }


def envelope_sender(mailing: Mailing, return_path_local: str) -> str:
    return f"{return_path_local}@{mailing.from_address.sending_domain.return_path_host}"


def person(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What a letter reads as `contact`: the contact's columns, and each custom field by its own key."""
    own: dict[str, Any] = dict(columns.get("fields") or {})
    return own | {name: value for name, value in columns.items() if name != "fields"} | {"fields": own}


def full_name(columns: Mapping[str, Any]) -> str:
    """In the order of its language (contacts.Contact.name)."""
    first, last = columns.get("first_name") or "", columns.get("last_name") or ""
    if any(char >= "\u3000" for char in first + last):
        first, last = last, first
    return f"{first} {last}".strip()


def recipient(message_id: int, contact_id: int | None, rcpt: str, columns: Mapping[str, Any]) -> Recipient:
    """`columns`: the contact's, or those of whoever a test is written as. Only a contact's own mail bears the name."""
    return Recipient(
        message_id=message_id,
        contact_id=contact_id or 0,
        address=header_address(rcpt),
        values=person(columns),
        name=full_name(columns) if contact_id else "",
    )


def header_address(rcpt: str) -> str:
    """As the To field shows it: the domain as A-label."""
    if rcpt.isascii():
        return rcpt
    local, _, domain = rcpt.rpartition("@")
    return f"{local}@{a_label(domain) or domain}"
