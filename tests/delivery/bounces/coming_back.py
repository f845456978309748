"""Reports of our own making as they come in, and what they did."""

from __future__ import annotations

from itertools import count

from contacts.addresses import key_of
from contacts.models import Suppression
from delivery.bounces.taking import take
from delivery.models import IncomingReport, Inlet, Message
from tests.delivery.bounces.mails import dsn, return_path

FULL = "552 5.2.2 <x>: Mailbox full"
OFF = "550 5.2.1 <x>: mailbox disabled, not accepting messages"
_number = count()


def arrive(message: Message, raw: bytes) -> IncomingReport:
    return IncomingReport.objects.get(pk=take(raw, inlet=Inlet.LISTENER, rcpt=return_path(message)).report)


def bounce(message: Message, said: str = "550 5.1.1 User unknown", **words: str) -> IncomingReport:
    recipient = words.pop("recipient", message.rcpt)
    return arrive(message, dsn(recipient, said, subject=str(next(_number)), **words))


def stopped(message: Message) -> str:
    row = Suppression.objects.active().filter(address_key=key_of(message.rcpt)).first()
    return row.reason if row else ""
