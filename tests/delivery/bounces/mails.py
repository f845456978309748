"""Mails that come back, of our own making."""

from __future__ import annotations

from delivery.keyring import keyring
from delivery.models import Message

DSN = """Return-Path: <>
From: Mail Delivery System <mailer-daemon@mx.example.net>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=b"

--=b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--=b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--=b
Content-Type: text/rfc822-headers

From: hello@news.example.com
To: {recipient}
Subject: {subject}
{reference}
--=b--
"""
LETTER = b"From: a@b.example\r\nSubject: lunch?\r\n\r\n.At noon\r\n"
AWAY = b"From: a@b.example\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"
ARF = """From: <fbl@provider.example>
To: {to}
Subject: Complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=b"

--=b
Content-Type: text/plain

This is an email abuse report.

--=b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1
Original-Rcpt-To: {recipient}

--=b
Content-Type: message/rfc822

From: hello@news.example.com
To: {recipient}
Subject: {subject}
{reference}
Hello

--=b--
"""
UNKNOWN = "550 5.1.1 <gone@example.net>: Recipient address rejected: User unknown"


def return_path(message: Message) -> str:
    return f"{keyring().return_path_local(message.pk)}@bounce.news.example.com"


def dsn(
    recipient: str, said: str = UNKNOWN, *, to: str = "bounces@example.com", action: str = "failed",
    reference: str = "", subject: str = "News",
) -> bytes:  # fmt: skip
    """A delivery status notification; `said` is what their server answered."""
    code, status = said.split()[:2]
    return _written(
        DSN, to=to, recipient=recipient, action=action, said=said, reference=reference, subject=subject,
        status=status if "." in status else f"{code[0]}.0.0",
    )  # fmt: skip


def arf(
    recipient: str, kind: str = "abuse", *, to: str = "fbl@example.com", reference: str = "", subject: str = "News"
) -> bytes:
    """A feedback report."""
    return _written(ARF, to=to, recipient=recipient, kind=kind, reference=reference, subject=subject)


def _written(form: str, *, reference: str, **words: str) -> bytes:
    line = f"X-Shirase-Ref: {reference}\n" if reference else ""
    return form.format(reference=line, **words).replace("\n", "\r\n").encode()


def bounce(name: str) -> bytes:
    """Of a person of no message that we know, by our signed return path."""
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: <{keyring().return_path_local(5)}@bounce.example.com>\r\n"
        "Subject: Undelivered\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {name}@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    ).encode()
