"""Says what mails that came back report."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from delivery.bounces.mime import MESSAGE_LIMIT
from delivery.bounces.reading import read
from delivery.bounces.report import Deed, Kind, Report, Reported

_BOUNCED = frozenset({Deed.FAILED, Deed.DELAYED})


class Command(BaseCommand):
    help = "Say what bounces and complaints report: one JSON object a line for each message file. Needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", help="message files; without any, one path a line of standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["files"] or _lines():
            self.stdout.write(json.dumps({"path": path, **_row(path)}, ensure_ascii=False))


def _lines() -> Iterable[str]:
    for line in sys.stdin.buffer:
        path = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if path:
            yield path


def _row(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MESSAGE_LIMIT)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return {"kind": Kind.OTHER, "recipients": [], "error": str(error)}
    return _told(read(raw))


def _told(report: Report) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": report.kind, "recipients": [_recipient(each) for each in _concerned(report)]}
    if report.feedback_type:
        row["feedback_type"] = report.feedback_type
        row["recipients"] = [{**each, "feedback_type": report.feedback_type} for each in row["recipients"]]
    return row


def _concerned(report: Report) -> Iterable[Reported]:
    """Those to whom it did not get, or who complain: a message that arrived has not bounced."""
    if report.feedback_type:
        return report.recipients
    return [each for each in report.recipients if each.action in _BOUNCED] if report.kind is Kind.BOUNCE else []


def _recipient(each: Reported) -> dict[str, Any]:
    return {
        "recipient": each.recipient,
        "status": str(each.reply.status or ""),
        "reply_code": str(each.reply.code or ""),
        "action": each.action,
        "hard": each.verdict.hard,
        "category": each.verdict.category,
        "scope": each.verdict.scope,
        "diagnostic": each.reply.text,
    }
