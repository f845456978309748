"""Takes what came back: stored once, read, and acted on, in one transaction. Every inlet ends here.

A report is hostile input. Whatever it says, without a valid token it is only kept and shown; and we never answer it,
so that two machines cannot keep each other busy (RFC 3834).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from delivery.bounces import effects, identity, told
from delivery.bounces.reading import read
from delivery.bounces.report import Kind, Report
from delivery.dmarc import attached, storing
from delivery.dmarc.attached import Found as Aggregate
from delivery.message_page import SHOWN_KINDS
from delivery.models import IncomingReport, Inlet, Message
from delivery.queue import prepared
from delivery.smtp.replies import clean

RAW_KEPT = 256 * 1024  # octets
NOBODYS_RAW_KEPT = 16 * 1024  # of a report without a valid token: anybody can send us any number
MOST_TOLD = 20  # recipients of one report that are kept
LONGEST_KEY = 128
_MAY_BE_AGGREGATE = (Kind.OTHER, Kind.AUTO_REPLY)  # what reports on messages is no report on a domain

_COLUMNS = (
    "inlet", "key", "source", "rcpt", "kind", "feedback_type", "uuid", "raw_sealed", "size", "workspace_id",
    "mailing_id", "message_id", "contact_id", "result",
)  # fmt: skip
_STORE = f"""
    INSERT INTO delivery_incomingreport ({", ".join(_COLUMNS)}, told, deeds)
    VALUES ({", ".join(f"%({name})s" for name in _COLUMNS)}, %(told)s::jsonb, '{{}}')
    ON CONFLICT (key) DO NOTHING RETURNING id
"""


@dataclass(frozen=True)
class Taken:
    """`new` is False for a replay, which changes nothing; `report` is then the one that came first."""

    report: int
    new: bool


def take(raw: bytes, *, inlet: Inlet, rcpt: str = "", source: str = "") -> Taken:
    """A mail, as its octets came. `rcpt` is its envelope recipient, "" where that is not known.

    What is returned is committed, unless the caller has a transaction of its own.
    """
    # With a recipient that we signed: else somebody who guesses a report could send it first, to nobody, and make the
    # true one a replay. To whomever else it goes, it is one mail.
    whom = rcpt.lower() if identity.is_signed(rcpt) else ""
    digest = hashlib.sha256(whom.encode("utf-8", "replace") + b"\0" + raw).hexdigest()
    aggregate = attached.look(raw, rcpt)
    report = Report(Kind.OTHER) if aggregate and aggregate.report else read(raw)
    return take_report(
        report, inlet=inlet, token=rcpt, source=source, key=f"mail:{digest}", raw=raw,
        aggregate=aggregate if report.kind in _MAY_BE_AGGREGATE else None,
    )  # fmt: skip


def told_apart(rcpts: Iterable[str]) -> list[str]:
    """Of the recipients of one mail those for whom it is taken: each that we signed, and one of all others."""
    # An address for DMARC reports goes before other names: it says what the mail is.
    others = sorted((one for one in rcpts if not identity.is_signed(one)), key=lambda one: not attached.is_asked(one))
    return [*dict.fromkeys(one.lower() for one in rcpts if identity.is_signed(one)), *others[:1]]


@transaction.atomic
def take_report(
    report: Report, *, inlet: Inlet, token: str, source: str, key: str, raw: bytes, aggregate: Aggregate | None = None
) -> Taken:
    """The same for an inlet that has read the report itself. `token` is our return path or the token in it; `key` is
    the event's own id, with the inlet's name before it, so that a replay is one."""
    key = clean(key) if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    found, size = identity.message_of(token, report.references, timezone.now()), len(raw)
    if isinstance(found, Message) and not found.rcpt:  # its person was erased
        report, raw = told.nameless(report), b""
    row = IncomingReport(
        inlet=str(inlet), key=key, source=clean(source)[:200], rcpt=clean(token)[:320], kind=str(report.kind),
        feedback_type=clean(report.feedback_type)[:40], size=size,
        told=[told.row_of(one) for one in report.recipients[:MOST_TOLD]], result=str(IncomingReport.Result.NOTHING),
    )  # fmt: skip
    if isinstance(found, Message):
        row.workspace_id = found.mailing.workspace_id
        row.mailing_id, row.message_id, row.contact_id = found.mailing_id, found.pk, found.contact_id
    else:
        row.result = str(found)
    if not isinstance(found, Message) or found.mailing.kind in SHOWN_KINDS:
        kept = RAW_KEPT if isinstance(found, Message) else NOBODYS_RAW_KEPT
        row.raw = raw[:kept]  # a report on a notice may return the link of a password reset
    if not _stored(row):
        return Taken(IncomingReport.objects.values_list("pk", flat=True).get(key=key), new=False)
    if aggregate:
        storing.settle(row, aggregate)
        row.save(update_fields=["kind", "result", "deeds"])
    if isinstance(found, Message) and row.kind != IncomingReport.Kind.DMARC:
        effects.act(row, found, report)
    return Taken(row.pk, new=True)


def _stored(row: IncomingReport) -> bool:
    """False when there is one with its key. Whoever takes the same at the same time waits here for the first to be
    done."""
    values = {name: getattr(row, name) for name in _COLUMNS}
    found = prepared.execute(_STORE, values | {"told": json.dumps(row.told)})
    if found:
        row.pk, row._state.adding = found[0][0], False
    return bool(found)
