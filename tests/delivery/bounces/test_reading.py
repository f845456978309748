"""What comes back, read: structure, limits, and that nothing breaks it."""

from __future__ import annotations

import textwrap

import pytest

from delivery.bounces.reading import read
from delivery.bounces.report import Deed, Kind

DSN = textwrap.dedent("""\
    From: Mail Delivery System <mailer-daemon@mx.example>
    To: b1-token@bounce.example
    Subject: Undelivered Mail
    MIME-Version: 1.0
    Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

    --cut
    Content-Type: text/plain

    One of your letters stays here.
    --cut
    Content-Type: message/delivery-status

    Reporting-MTA: dns; mx.example

    Final-Recipient: rfc822; Gone@Example.JP
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mail.example.jp
    Diagnostic-Code: smtp; 550 5.1.1 <gone@example.jp>: Recipient address
      rejected: no such user

    --cut
    Content-Type: message/rfc822

    From: news@example.com
    X-Shirase-Ref: a1bcdefgh-ijkl
    Subject: News

    X-Shirase-Ref: not-this-one
    --cut--
    """)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_delivery_status_notification_is_read_whatever_its_newlines(newline: str) -> None:
    report = read(DSN.replace("\n", newline).encode())
    (told,) = report.recipients
    assert (report.kind, told.recipient, told.action) == (Kind.BOUNCE, "gone@example.jp", Deed.FAILED)
    assert (told.reply.code, str(told.reply.status), told.verdict.hard) == (550, "5.1.1", True)
    assert report.references == ("a1bcdefgh-ijkl",)


def test_a_request_to_confirm_is_an_automatic_answer_even_from_postmaster() -> None:
    report = read(
        b"From: postmaster@corp.example\r\nReturn-Path: <>\r\nAuto-Submitted: auto-replied\r\n"
        b"Subject: Your message to ken@corp.example awaits confirmation\r\n\r\n"
        b"Your message to <ken@corp.example> has not been delivered yet. Click to confirm you are human.\r\n"
    )
    assert (report.kind, report.recipients) == (Kind.AUTO_REPLY, ())
