"""The events of sending services, read into reports. Pure; what is not understood is no event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from delivery.bounces.notice import Notice, settle
from delivery.bounces.reading import read
from delivery.bounces.report import Kind, Report

MOST_EVENTS = 2000  # of one call
TEXT = 2048
_SENDGRID = {"bounce": "failed", "dropped": "failed", "deferred": "delayed"}
_DELAYED = "delayedRecipients"
_POSTMARK_LATER = {"Transient", "DnsError"}
_POSTMARK_AUTO = {"AutoResponder", "ChallengeVerification"}
_POSTMARK_NO_BOUNCE = {"Subscribe", "Unsubscribe", "AddressChange", "OpenRelayTest", "ManualSuppression"}


@dataclass(frozen=True)
class Told:
    """One event. `token` is our return path, as the service kept it for us; `message_id` our own Message-ID, for
    services that keep nothing else; `rcpt` whom it is about; `key` its own id, the same when it is told again. `event`
    is as it came, without the rest of the call, which may be about other workspaces."""

    report: Report
    key: str
    event: dict[str, Any]
    token: str = ""
    message_id: str = ""
    rcpt: str = ""


def ses(message: dict[str, Any]) -> Iterator[Told]:
    """The Message of an SNS notification, as SES writes it for identities (notificationType) and configuration sets
    (eventType)."""
    kind = _text(message, "notificationType") or _text(message, "eventType")
    mail = _dict(message, "mail")
    headers = [one for one in _list(mail, "headers") if isinstance(one, dict)]
    named = [_text(one, "value") for one in headers if _text(one, "name").lower() == "x-shirase-ref"]
    token = next(iter(named), "") or _text(mail, "source")
    part = {"Bounce": "bounce", "Complaint": "complaint", "DeliveryDelay": "deliveryDelay"}.get(kind, "")
    if not part:
        return
    event = _dict(message, part)
    people = _list(event, {"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}.get(part, _DELAYED))
    key = _text(event, "feedbackId") or f"{_text(mail, 'messageId')}/{kind}/{_text(event, 'timestamp')}"
    if part == "complaint":
        report = _complaint([_text(one, "emailAddress") for one in people if isinstance(one, dict)])
        report = Report(report.kind, report.recipients, feedback_type=_text(event, "complaintFeedbackType") or "abuse")
        yield Told(report, key, message, token)
        return
    delayed = part == "deliveryDelay"
    notices = [
        Notice(
            recipient=_text(one, "emailAddress"),
            action=_text(one, "action") or ("delayed" if delayed else "failed"),
            status=_text(one, "status"),
            diagnostic=_text(one, "diagnosticCode").removeprefix("smtp;").strip() or _text(event, "bounceSubType"),
        )
        for one in people
        if isinstance(one, dict)
    ]
    if notices:
        yield Told(Report(Kind.BOUNCE, tuple(map(settle, notices))), key, message, token)


def sendgrid(events: list[Any]) -> Iterator[Told]:
    """The list that SendGrid's event webhook posts."""
    for event in events[:MOST_EVENTS]:
        if not isinstance(event, dict):
            continue
        kind, rcpt = _text(event, "event"), _text(event, "email")
        if kind == "spamreport":
            report = _complaint([rcpt])
        elif kind in _SENDGRID:
            said = _text(event, "reason") or _text(event, "response")
            report = _bounce(Notice(rcpt, _SENDGRID[kind], _text(event, "status"), said))
        else:
            continue
        key = _text(event, "sg_event_id") or _digest(event)
        yield Told(report, key, event, _text(event, "shirase_ref"), _text(event, "smtp-id"), rcpt)


def mailgun(payload: dict[str, Any]) -> Iterator[Told]:
    """One event of Mailgun's webhooks."""
    event = _dict(payload, "event-data")
    kind, rcpt = _text(event, "event"), _text(event, "recipient")
    if kind == "complained":
        report = _complaint([rcpt])
    elif kind == "failed":
        status = _dict(event, "delivery-status")
        code = status.get("code")
        said = _text(status, "message") or _text(status, "description")
        report = _bounce(
            Notice(
                recipient=rcpt,
                action="delayed" if _text(event, "severity") == "temporary" else "failed",
                status=_text(status, "enhanced-code"),
                diagnostic=said,
                code=code if isinstance(code, int) and 400 <= code < 600 else 0,
                host=_text(status, "mx-host"),
            )
        )
    else:
        return
    token = _text(_dict(event, "user-variables"), "shirase_ref") or _text(_dict(event, "envelope"), "sender")
    message_id = _text(_dict(_dict(event, "message"), "headers"), "message-id")
    yield Told(report, _text(event, "id") or _digest(event), event, token, message_id, rcpt)


def postmark(event: dict[str, Any]) -> Iterator[Told]:
    """One event of Postmark's webhooks. `Content`, which its settings can add, is the bounce itself."""
    kind, rcpt, what = _text(event, "RecordType"), _text(event, "Email"), _text(event, "Type")
    if kind == "SpamComplaint":
        report = _complaint([rcpt])
    elif kind == "Bounce" and what in _POSTMARK_AUTO:
        report = Report(Kind.AUTO_REPLY)
    elif kind == "Bounce" and what not in _POSTMARK_NO_BOUNCE:
        action = "delayed" if what in _POSTMARK_LATER else "failed"
        report = _bounce(Notice(rcpt, action, "", _text(event, "Details") or _text(event, "Description")))
    else:
        return
    content = read(str(event.get("Content") or "").encode("utf-8", "replace"))
    if report.kind is Kind.BOUNCE and content.kind is Kind.BOUNCE and content.recipients:
        report = content
    report = Report(report.kind, report.recipients, content.references, report.feedback_type)
    yield Told(report, f"{kind}/{event.get('ID')}", event, _text(_dict(event, "Metadata"), "shirase-ref"), "", rcpt)


def _bounce(notice: Notice) -> Report:
    return Report(Kind.BOUNCE, (settle(notice),))


def _complaint(people: list[str]) -> Report:
    """A verdict as that of a feedback report."""
    notices = [Notice(recipient=one, diagnostic="Feedback-Type: abuse") for one in people]
    return Report(Kind.COMPLAINT, tuple(map(settle, notices)), feedback_type="abuse")


def _digest(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value[:TEXT] if isinstance(value, str) else ""


def _dict(row: dict[str, Any], name: str) -> dict[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _list(row: dict[str, Any], name: str) -> list[Any]:
    value = row.get(name)
    return value[:MOST_EVENTS] if isinstance(value, list) else []
