"""An operator's folder of rules: read before the first question, refused whole if it cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.knowledge import loading

ROOT = Path(__file__).parents[3]
RULES = """
[[entry]]
id = "acme.quarantine"
cause = "acme_held"
must = ["acme filter"]
samples = ["550 5.7.1 ACME filter: message held"]

[[entry]]
id = "acme.shadowed"
cause = "unknown"
must = ["acme"]
enhanced = "5.7.1"
samples = ["550 5.7.1 ACME filter says no"]

[acme_held]
category = "recipient_policy"
scope = "recipient_domain"
action = "ignore"
retry = false
hard = false
title_en = "ACME holds the mail"
title_ja = "ACMEに保留されました"
why_en = "Their gateway holds it."
why_ja = "ACMEのゲートウェイで保留されています。"
advice_en = ["Ask their postmaster."]
advice_ja = ["受信側の管理者に問い合わせてください。"]
"""


def manage(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KNOWLEDGE_DIR": str(folder), "VAR_DIR": str(folder / "var")}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_own_rules_answer_and_a_shadowed_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(RULES)
    told = manage("explain", "--json", "550 5.7.1 ACME filter: message held", "550 5.1.1 gone", folder=tmp_path)
    assert [json.loads(line)["title_ja"] for line in told.stdout.splitlines()] == [
        "ACMEに保留されました",
        "アドレスが存在しません",
    ]
    warned = manage("check", folder=tmp_path).stderr
    assert "acme.shadowed does not answer its sample" in warned and "acme.quarantine does" in warned


def test_a_bad_file_stops_the_start_and_names_itself(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(RULES.replace('cause = "acme_held"', 'cause = "acme_hold"'))
    told = manage("explain", "550 x", folder=tmp_path)
    assert told.returncode != 0
    assert "KNOWLEDGE_DIR: acme.quarantine: there is no cause 'acme_hold'" in told.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Read instead of ours alone; what was read is forgotten at the end."""
    monkeypatch.setattr(loading, "_operators", [tmp_path])
    monkeypatch.setattr(loading, "knowledge", loading.knowledge.__wrapped__)
    return tmp_path


def test_braces_are_short_for_many_phrases(folder: Path) -> None:
    (folder / "acme.toml").write_text(
        RULES.replace('must = ["acme filter"]', 'must = ["{acme,apex} {filter,wall}", "x"]')
    )
    spread, single = loading.knowledge().entries[0].must
    assert spread == ("acme filter", "acme wall", "apex filter", "apex wall")
    assert single == ("x",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('scope = "recipient_domain"', 'scope = "everything"'), "acme.toml: acme_held: 'everything' is not a valid"),
        (('action = "ignore"', 'action = "suppress_now"'), "only what concerns one recipient may stop an address"),
        (('title_ja = "ACMEに保留されました"', ""), "acme.toml: acme_held: title_ja is missing"),
        (("[acme_held]", "[no_such_user]"), "there is a cause 'no_such_user' already"),
        (("[acme_held]", '["../x"]'), "small letters"),
        (('must = ["acme filter"]', 'must = ["ACME"]'), "acme.quarantine: 'ACME' is never found"),
        (('enhanced = "5.7.1"', 'enhanced = "5.7"'), "acme.shadowed: enhanced '5.7' is no code"),
        (('enhanced = "5.7.1"', 'reply = "5x"'), "acme.shadowed: reply '5x' is no beginning"),
        (('enhanced = "5.7.1"', 'phase = ["later"]'), "acme.shadowed: 'later' is not a valid Phase"),
        (('enhanced = "5.7.1"', 'provider = "acme"'), "acme.shadowed: there is no provider 'acme'"),
        (('samples = ["550 5.7.1 ACME filter says no"]', "samples = []"), "acme.shadowed: a sample is missing"),
        (('enhanced = "5.7.1"', 'source_url = "our wiki"'), "acme.shadowed: source_url 'our wiki' is no address"),
        (("[[entry]]", "[[entry"), "acme.toml: "),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, change: tuple[str, str], said: str) -> None:
    (folder / "acme.toml").write_text(RULES.replace(*change))
    with pytest.raises(ValueError) as refused:
        loading.knowledge()
    assert said in str(refused.value)
