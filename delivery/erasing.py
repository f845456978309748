"""What delivery knows of a person, taken out when they are erased. Counts, states and reply codes stay."""

from __future__ import annotations

from contacts import people
from contacts.models import Contact
from delivery.models import AddressFailure, Attempt, IncomingReport, Message, SandboxMail


def register() -> None:
    people.on_erased(forget)


def forget(contact: Contact) -> None:
    """Addresses, what servers said (they repeat the address), the dialogues, what came back, and copies in the
    sandbox mailbox."""
    messages = list(Message.objects.filter(contact=contact).values_list("pk", flat=True))
    Message.objects.filter(pk__in=messages).update(rcpt="")
    Attempt.objects.filter(message_id__in=messages).update(reply=None, transcript=None)
    IncomingReport.objects.filter(message_id__in=messages).update(raw_sealed="", told=[])
    AddressFailure.objects.filter(message_id__in=messages).delete()
    SandboxMail.objects.filter(message_id__in=messages).delete()
