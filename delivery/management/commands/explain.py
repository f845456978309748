"""Says in plain words what an SMTP reply means."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.core.management.base import BaseCommand

from delivery.knowledge import CAUSES, Verdict, classify
from delivery.knowledge.lines import read_reply
from delivery.smtp.replies import Phase


class Command(BaseCommand):
    help = "Explain SMTP replies, one an argument or one a line of standard input, in order. Needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("replies", nargs="*", help='such as "550 5.1.1 <a@b.example>: no such user"')
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--provider", default="", help="who answered: a name (gmail), a domain or an MX host")
        parser.add_argument("--phase", choices=[phase.value for phase in Phase], help="when the reply came")

    def handle(self, *args: Any, **options: Any) -> None:
        phase = Phase(options["phase"]) if options["phase"] else None
        write = self._write_json if options["json"] else self._write_words
        for line in options["replies"] or _lines():
            write(line, classify(read_reply(line, phase=phase), provider=options["provider"]))

    def _write_json(self, line: str, verdict: Verdict) -> None:
        self.stdout.write(_json(verdict))

    def _write_words(self, line: str, verdict: Verdict) -> None:
        cause = CAUSES[verdict.cause]
        self.stdout.write(_printable(line))
        for words in (cause.en, cause.ja):
            self.stdout.write(f"  {words.title}\n    {words.why}")
            self.stdout.writelines(f"    - {advice}\n" for advice in words.advice)
        self.stdout.write(
            f"  [{verdict.category} · {verdict.scope} · {verdict.action} · "
            f"{'tried again' if verdict.retry else 'not tried again'}{' · hard' if verdict.hard else ''}]\n\n"
        )


@lru_cache(maxsize=4096)
def _json(verdict: Verdict) -> str:
    cause = CAUSES[verdict.cause]
    row = {
        "category": verdict.category,
        "scope": verdict.scope,
        "action": verdict.action,
        "retry": verdict.retry,
        "hard": verdict.hard,
        "title_en": cause.en.title,
        "title_ja": cause.ja.title,
        "advice_en": cause.en.advice,
        "advice_ja": cause.ja.advice,
    }
    return json.dumps(row, ensure_ascii=False)


def _lines() -> Iterable[str]:
    """Standard input as it comes, so that a pipe gets its answers at once; bad bytes are kept visible."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _printable(text: str) -> str:
    """Replies are hostile: no control characters reach the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text[:500])
