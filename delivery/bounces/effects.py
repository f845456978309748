"""What a report with a valid token does: one path for every inlet (docs/bounces.md has the table)."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from delivery import stopping, stops
from delivery.bounces import complaints, domain_check, told
from delivery.bounces.feedback import NO_COMPLAINT
from delivery.bounces.report import Deed, Kind, Report, Reported
from delivery.bounces.whom import same_mailbox
from delivery.knowledge import Category
from delivery.models import IncomingReport, Message
from delivery.models.incoming import OPT_OUT
from delivery.own_causes import FAILED_ELSEWHERE
from delivery.queue import late

Result, Done = IncomingReport.Result, IncomingReport.Deed

WAITS = timedelta(minutes=15)  # for the outcome of the message's own try: a dot may take ten
SLICE = 200
ARRIVED = (Deed.DELIVERED, Deed.RELAYED, Deed.EXPANDED)


def act(row: IncomingReport, message: Message, report: Report, *, last: bool = False) -> None:
    """Within the transaction that stores the report; `row` then says what was done. `last`: it has waited enough."""
    row.result = Result.NOTHING
    if report.kind is Kind.COMPLAINT:
        _complaint(row, message, report)
    elif report.kind is Kind.AUTO_REPLY or report.feedback_type or _reports_success(report):
        _arrived(row, message)
    elif report.kind is Kind.BOUNCE:
        _bounce(row, message, report, last)
    row.save(update_fields=["result", "deeds"])


def _complaint(row: IncomingReport, message: Message, report: Report) -> None:
    """Who says "this is spam", or "this is none", has got it."""
    _arrived(row, message)
    kind = report.feedback_type.lower()
    if kind in NO_COMPLAINT:
        return
    left = kind in OPT_OUT
    if not complaints.complained(message, source="report", left=left, detail={"report": row.pk}):
        row.result = Result.REPEATED
        return
    row.result, row.deeds = Result.DONE, [*row.deeds, Done.LEFT if left else Done.COMPLAINED]
    if not message.mailing.rehearsed:
        row.deeds.append(Done.STOPPED)


def _reports_success(report: Report) -> bool:
    return bool(report.recipients) and all(one.action in ARRIVED for one in report.recipients)


def _arrived(row: IncomingReport, message: Message) -> None:
    if late.arrived(message):
        row.result, row.deeds = Result.DONE, [Done.DELIVERED]


def _bounce(row: IncomingReport, message: Message, report: Report, last: bool) -> None:
    """What it says of the address itself goes before what it says of one that mail is forwarded to."""
    whom = sorted(report.recipients, key=lambda one: not same_mailbox(message.rcpt, one.recipient))
    failure = next((one for one in whom if one.action is Deed.FAILED), None)
    ours_arrived = any(one.action in ARRIVED and same_mailbox(message.rcpt, one.recipient) for one in whom)
    if failure is None or ours_arrived:
        _arrived(row, message)  # also who says that it comes late has taken it
        return
    if late.awaited(message) and not last:
        row.result = Result.WAITING
        return
    _failure(row, message, failure)


def _failure(row: IncomingReport, message: Message, failure: Reported) -> None:
    reply = told.without_code(failure.reply)
    ours = same_mailbox(message.rcpt, failure.recipient)
    if not ours:  # what is wrong there is not wrong with them
        failure = replace(failure, verdict=replace(failure.verdict, cause=FAILED_ELSEWHERE))
    if late.bounced(message, reply, failure.verdict, report=row.pk, ours=ours):
        row.deeds = [Done.BOUNCED]
    elif late.failed(message, reply, failure.verdict, ours=ours):
        row.deeds = [Done.FAILED]
    row.deeds = [*row.deeds, *_against(row, message, failure)]
    row.result = Result.DONE if row.deeds else Result.REPEATED
    if ours and row.deeds and failure.verdict.category is Category.INVALID_DOMAIN:
        row.result = Result.WAITING  # until the DNS has said the same


def _against(row: IncomingReport, message: Message, failure: Reported) -> list[str]:
    elsewhere = not same_mailbox(message.rcpt, failure.recipient)
    reason = stops.reason_of(failure.verdict, elsewhere=elsewhere)
    if not reason:
        return []
    one = stopping.Failed(message.pk, reason, str(told.without_code(failure.reply)), failure.verdict.cause, row.pk)
    words = {
        stopping.State.STOPPED: Done.STOPPED,
        stopping.State.HELD: Done.HELD,
        stopping.State.COUNTED: Done.COUNTED,
    }
    return [words[state] for state in stopping.failed([one], source="report").values()]


def advance(seconds: float = 4.0) -> int:
    """A slice of the reports whose wait may be over, those first that need no answer from the DNS. How many wait no
    more."""
    deadline = time.monotonic() + seconds
    waiting = IncomingReport.objects.filter(result=Result.WAITING).order_by("pk").values_list("pk", flat=True)
    awaited = Message.objects.filter(pk=OuterRef("message_id"), state__in=late.AWAITED)
    over = Q(received_at__lt=timezone.now() - WAITS * settings.TIME_SCALE) | ~Exists(awaited)
    done = 0
    for key in [*waiting.filter(over, deeds__len=0)[:SLICE], *waiting.filter(deeds__len__gt=0)[:SLICE]]:
        if time.monotonic() > deadline:
            break
        done += _again(key)
    return done


def _again(key: int) -> bool:
    """False while it must wait on."""
    row = IncomingReport.objects.filter(pk=key, result=Result.WAITING).first()
    if row is None:
        return True
    return _looked_up(row) if row.deeds else _acted(key)


@transaction.atomic
def _acted(key: int) -> bool:
    rows = IncomingReport.objects.select_for_update(skip_locked=True).filter(pk=key, result=Result.WAITING, deeds=[])
    row = rows.first()
    if row is None:
        return True
    message = Message.objects.select_related("mailing", "contact").filter(pk=row.message_id or 0).first()
    if message is None or not row.told:  # its person was erased while it waited
        row.result = Result.GONE
        row.save(update_fields=["result"])
    else:
        act(row, message, told.report_of(row), last=_has_waited(row))
    return row.result != Result.WAITING


def _looked_up(row: IncomingReport) -> bool:
    """A domain rests for everybody, so that no report alone may say it. Nothing is locked while the DNS is asked."""
    message = Message.objects.select_related("domain").filter(pk=row.message_id or 0).first()
    rests = domain_check.rests(message.domain) if message else False
    if rests is None and not _has_waited(row):
        return False
    done = {"result": Result.DONE, "deeds": [*row.deeds, Done.RESTED] if rests else row.deeds}
    IncomingReport.objects.filter(pk=row.pk, result=Result.WAITING).update(**done)
    return True


def _has_waited(row: IncomingReport) -> bool:
    """As long as one waits."""
    return bool(timezone.now() - row.received_at > WAITS * settings.TIME_SCALE)
