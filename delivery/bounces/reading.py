"""Reads a mail that came back. Pure; never fails; time and memory are bounded (the limits of delivery.bounces.mime)."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces import auto_replies, dialects, dsn, feedback, mime
from delivery.bounces.codes import address_in, addresses_in, code_in, status_in
from delivery.bounces.dialects import domino
from delivery.bounces.feedback import Feedback
from delivery.bounces.letter import Letter, lay_out
from delivery.bounces.notice import Notice, settle
from delivery.bounces.report import Deed, Kind, Report, Reported
from delivery.knowledge import classify
from delivery.smtp.replies import Phase, Reply, clean

REFERENCES = 3  # of one report

_REFERENCE = re.compile(r"[a-z0-9-]{1,64}")
_BOUNCED = frozenset({Deed.FAILED, Deed.DELAYED})


def read(raw: bytes) -> Report:
    """What the message says. Kind other, and nobody named, where it reports nothing."""
    letter = lay_out(mime.parse(raw))
    references = _references(letter)
    complaint = feedback.read(letter)
    if complaint:
        kind = Kind.COMPLAINT if complaint.complains else Kind.OTHER
        return Report(kind, _complaining(complaint), references, complaint.kind)
    told = tuple(settle(notice) for notice in _notices(letter))
    if any(each.action in _BOUNCED for each in told):
        return Report(Kind.BOUNCE, told, references)
    kind = Kind.AUTO_REPLY if not told and auto_replies.matches(letter) else Kind.OTHER
    return Report(kind, told, references)


def _notices(letter: Letter) -> list[Notice]:
    """From the machine-readable part, completed by the prose beside it; else from the prose alone."""
    told = [domino.sure(notice) for status in letter.statuses for notice in dsn.read(status)]
    if letter.by_a_person:
        return []
    if told:
        said = _said(letter)
        if len(told) == len(said) == 1 and letter.subject.startswith("DELIVERY FAILURE:"):
            told = [_as_sent(told[0], said[0])]
        full = [_completed(each, said, number) for number, each in enumerate(told)]
        return [each if each.recipient else replace(each, recipient=_somebody(each, letter)) for each in full]
    if not letter.by_a_program:
        return dialects.notification(letter)
    if auto_replies.is_challenge(letter):
        return []
    said = _said(letter) or _enclosed(letter)
    if said or (auto_replies.matches(letter) and not letter.named_as_a_program):
        return said
    return dialects.unknown(letter)  # mail systems call their bounces "auto-replied" as well


def _said(letter: Letter) -> list[Notice]:
    """What its text says, in fields or in a dialect."""
    fields = letter.said.find("Reporting-MTA:") if "Final-Recipient:" in letter.said else -1
    inline = dsn.read(letter.said[fields:]) if fields >= 0 else []
    return inline or dialects.notification(letter) or dialects.known(letter)


def _enclosed(letter: Letter) -> list[Notice]:
    """Some gateways wrap the notification of another system in one of their own."""
    for leaf in letter.message.leaves():
        if leaf.type == "message/rfc822":
            inner = lay_out(mime.parse(leaf.octets))
            if inner.statuses and inner.by_a_program:
                return [notice for status in inner.statuses for notice in dsn.read(status)]
    return []


def _somebody(notice: Notice, letter: Letter) -> str:
    """Whom a notice without an address means, as far as the rest of the report tells."""
    failed = addresses_in(letter.get("x-failed-recipients"))
    return address_in(notice.diagnostic) or (failed[0] if len(failed) == 1 else "") or letter.returned_to


def _as_sent(told: Notice, said: Notice) -> Notice:
    """Domino's fields have the address after its own rewriting, its text has it as it was sent."""
    return replace(
        told,
        recipient=said.recipient,
        diagnostic=said.diagnostic or told.diagnostic,
        command=said.command or told.command,
    )


def _completed(told: Notice, said: list[Notice], number: int) -> Notice:
    """Where the fields give no address, code or exact status, and the prose does, the prose is believed."""
    words = next((each for each in said if each.recipient == told.recipient), None)
    if words is None and not told.recipient and said:
        words = said[min(number, len(said) - 1)]
    if words is None:
        return told
    if not told.recipient:
        told = replace(told, recipient=words.recipient)
    klass = told.status[:1]
    better = code_in(words.diagnostic, klass) and not code_in(told.diagnostic, klass)
    vague = not told.status or told.status.endswith(".0.0")
    status = status_in(words.diagnostic, klass) if vague and not status_in(told.diagnostic, klass) else ""
    if better or (status and not status.endswith(".0.0")) or not told.diagnostic:
        return replace(told, diagnostic=words.diagnostic, status=status or told.status, command=words.command)
    return replace(told, command=told.command or words.command)


def _complaining(complaint: Feedback) -> tuple[Reported, ...]:
    """A complaint is about people, whatever it says: the verdict is the same for all."""
    verdict = classify(Reply(0, "Feedback-Type: abuse", phase=Phase.DSN))
    reply = Reply(0, clean(complaint.said), phase=Phase.DSN)
    return tuple(Reported(to, Deed.FAILED, reply, verdict) for to in complaint.people)


def _references(letter: Letter) -> tuple[str, ...]:
    """The values of our own header in the heads of the messages that a report returns."""
    found = [
        value.lower()
        for text in letter.returned
        for name, value in mime.head(text)
        if name == "x-shirase-ref" and _REFERENCE.fullmatch(value.lower())
    ]
    return tuple(dict.fromkeys(found))[:REFERENCES]
