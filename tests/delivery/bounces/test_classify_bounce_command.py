"""manage.py classify_bounce: one JSON object a line, whatever the files are."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

SAMPLES = Path(__file__).parents[2] / "samples" / "bounces"


def said(*arguments: str, **options: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("classify_bounce", *arguments, stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_bounce_is_told_whole() -> None:
    path = str(SAMPLES / "qmail-two.eml")
    (row,) = said(path)
    assert row["path"] == path
    assert row["kind"] == "bounce"
    assert row["recipients"][0] == {
        "recipient": "nobody@town.example",
        "status": "5.1.1",
        "reply_code": "550",
        "action": "failed",
        "hard": True,
        "category": "invalid_recipient",
        "scope": "recipient",
        "diagnostic": row["recipients"][0]["diagnostic"],
    }
    assert "we have no such person" in row["recipients"][0]["diagnostic"]


def test_paths_come_from_standard_input_and_an_unreadable_one_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(SAMPLES / "arf-abuse.eml"), "/no/such/file", str(SAMPLES), str(SAMPLES / "not-vacation.eml")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(paths).encode() + b"\n\n")))
    complaint, missing, folder, vacation = said()
    assert (complaint["kind"], complaint["feedback_type"]) == ("complaint", "abuse")
    assert [each["recipient"] for each in complaint["recipients"]] == ["angry@provider.example"]
    assert missing["error"] and folder["error"] and not missing["recipients"]
    assert (vacation["kind"], vacation["recipients"]) == ("auto_reply", [])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (row,) = said(str(tmp_path / "pipe"))
    assert row["error"] and not row["recipients"]


def test_deliveries_are_listed_on_demand_only() -> None:
    path = str(SAMPLES / "not-dsn-delivered.eml")
    assert said(path)[0]["recipients"] == []
    (told,) = said(path, delivered=True)[0]["recipients"]
    assert (told["action"], told["status"], told["reply_code"], told["hard"]) == ("delivered", "2.1.5", "250", False)


def test_an_mbox_of_several_messages_is_read_whole(tmp_path: Path) -> None:
    mbox = tmp_path / "mbox"
    letters = [(SAMPLES / name).read_bytes() for name in ("dma.eml", "not-thanks.eml", "qmail-local.eml")]
    mbox.write_bytes(b"".join(b"From mailer-daemon Mon Nov  2 10:00:00 2026\n" + letter + b"\n" for letter in letters))
    (row,) = said(str(mbox))
    assert row["kind"] == "bounce"
    assert [each["recipient"] for each in row["recipients"]] == ["gone@inbox.example", "nobody@q.relay.example"]


def test_it_needs_neither_the_database_nor_the_secrets_of_a_production_install() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_KEYS"))}
    told = subprocess.run(
        [sys.executable, "manage.py", "classify_bounce", str(SAMPLES / "dma.eml")],
        cwd=Path(__file__).parents[3], env=bare | {"DATABASE_URL": "postgres://a:b@127.0.0.1:1/c"},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(told.stdout)["kind"] == "bounce", told.stderr
