"""`manage.py explain` answers on a machine without a database."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

from django.core.management import call_command

ROOT = Path(__file__).parents[3]
KEYS = ["category", "scope", "action", "retry", "hard", "title_en", "title_ja", "advice_en", "advice_ja"]


def explain(*arguments: str) -> list[dict[str, object]]:
    out = io.StringIO()
    call_command("explain", "--json", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_json_a_line_in_order_with_exactly_these_keys() -> None:
    rows = explain("550 5.1.1 <a@b>: no such user", "", "552 5.2.2 full", "\x00\ud800")
    assert [list(row) for row in rows] == [KEYS] * 4
    assert [row["category"] for row in rows] == ["invalid_recipient", "unknown", "mailbox_full", "unknown"]
    assert rows[0]["advice_ja"]
    assert isinstance(rows[0]["advice_ja"], list)


def test_a_provider_changes_the_meaning() -> None:
    assert explain("--provider", "gmail", "550 5.7.27 refused")[0]["category"] == "auth_spf"
    assert explain("550 5.7.27 refused")[0]["category"] == "domain_reputation"


def test_a_phase_changes_the_meaning() -> None:
    assert explain("--phase", "mail", "552")[0]["category"] == "size"
    assert explain("--phase", "rcpt", "552")[0]["category"] == "mailbox_full"


def test_people_read_both_languages_and_no_control_characters() -> None:
    out = io.StringIO()
    call_command("explain", "550 5.1.1 gone \x1b[31m", stdout=out)
    assert "This address does not exist" in out.getvalue()
    assert "アドレスが存在しません" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_standard_input_is_read_without_a_database(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "explain", "--json"],
        input=b"550 5.1.1 no such user\n\n\xff\xfe\x00 junk\r\n421 4.7.0 reputation\n",
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(tmp_path)},  # where no database was ever started
        check=True,
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["category"] for row in rows] == ["invalid_recipient", "unknown", "unknown", "ip_reputation"]
