"""A person called a mail spam: no more mail to them until they ask for it themselves."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from contacts import subscriptions
from contacts.addresses import key_of
from contacts.models import Suppression
from delivery import events
from delivery.models import Event, Message

Reason = Suppression.Reason


@transaction.atomic
def complained(message: Message, *, source: str, left: bool = False, detail: dict[str, Any] | None = None) -> bool:
    """Once a message; False when it was told before. `left`: they unsubscribed at their provider instead.

    What only the sandbox got is recorded, and stops nobody.
    """
    locked = Message.objects.select_for_update(of=("self",)).select_related("mailing", "contact").get(pk=message.pk)
    kind, reason = (Event.Kind.UNSUBSCRIBE, Reason.UNSUBSCRIBED) if left else (Event.Kind.COMPLAINT, Reason.COMPLAINT)
    if Event.objects.filter(message_id=locked.pk, kind=kind).exists():
        return False
    for key in () if locked.mailing.rehearsed else _keys(locked):
        stopped = subscriptions.suppress(
            locked.mailing.workspace_id, key, reason, source=source, mailing_ref=str(locked.mailing_id),
            detail={"mailing": locked.mailing_id, "message": locked.pk, **(detail or {})},
        )  # fmt: skip
        if not stopped and reason == Reason.COMPLAINT:
            subscriptions.complained_again(locked.mailing.workspace_id, key)
    events.append(
        kind,
        workspace_id=locked.mailing.workspace_id,
        mailing_id=locked.mailing_id,
        message_id=locked.pk,
        contact_id=locked.contact_id,
        detail={"everything": True} if left else None,
    )
    return True


def _keys(message: Message) -> set[str]:
    """The address that got it, and the one that the person has by now. Of an erased one both are gone, and stopped."""
    now = message.contact.address_key if message.contact and not message.contact.erased_at else ""
    return {key for key in (key_of(message.rcpt) or message.rcpt, now) if key}
