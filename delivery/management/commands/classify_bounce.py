"""Says what mails that came back report."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from delivery.bounces.mime import MESSAGE_LIMIT
from delivery.bounces.reading import read
from delivery.bounces.report import Deed, Kind, Report, Reported

MESSAGES = 1000  # of one file
_NEXT = re.compile(rb"(?:\r\n|\n|\r)(?=From \S{1,320} {1,3}[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d)")
_BOUNCED = frozenset({Deed.FAILED, Deed.DELAYED})


class Command(BaseCommand):
    help = "Say what bounces and complaints report: one JSON object a line for each message file. Needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", help="message files; without any, one path a line of standard input")
        parser.add_argument("--delivered", action="store_true", help="also list those to whom it was delivered")

    def handle(self, *args: Any, **options: Any) -> None:
        listed = frozenset(Deed) if options["delivered"] else _BOUNCED
        for path in options["files"] or _lines():
            self.stdout.write(json.dumps({"path": path, **_row(path, listed)}))


def _lines() -> Iterable[str]:
    for line in sys.stdin.buffer:
        path = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if path:
            yield path


def _row(path: str, listed: frozenset[Deed]) -> dict[str, Any]:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise OSError(f"{path}: not a regular file")  # a pipe would be waited for
        with Path(path).open("rb") as file:
            raw = file.read(MESSAGE_LIMIT)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return {"kind": Kind.OTHER, "recipients": [], "error": str(error)}
    return _told([read(message) for message in _messages(raw)], listed)


def _messages(raw: bytes) -> list[bytes]:
    """A file may be an mbox of several messages."""
    return _NEXT.split(raw, MESSAGES) if raw.startswith(b"From ") else [raw]


def _told(reports: list[Report], listed: frozenset[Deed]) -> dict[str, Any]:
    first = next((report for report in reports if report.kind is not Kind.OTHER), reports[0])
    row: dict[str, Any] = {"kind": first.kind, "recipients": []}
    if first.feedback_type:
        row["feedback_type"] = first.feedback_type
    for report in reports:
        feedback = {"feedback_type": report.feedback_type} if report.feedback_type else {}
        row["recipients"] += [{**_recipient(each), **feedback} for each in report.recipients if each.action in listed]
    return row


def _recipient(each: Reported) -> dict[str, Any]:
    return {
        "recipient": each.recipient,
        "status": str(each.reply.status or ""),
        "reply_code": str(each.reply.code or ""),
        "action": each.action,
        "hard": each.verdict.hard,
        "category": each.verdict.category,
        "scope": each.verdict.scope,
        "diagnostic": str(each.reply),
    }
