from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.embedded import keys


def test_embedded_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.env"
    first = keys.make_once(path)
    assert set(first) == set(keys.NAMES)
    assert keys.make_once(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_read_newest_first() -> None:
    text = f"{keys.new_key('b')},{keys.new_key('a')}"
    assert list(keys.parse("TOKEN_KEYS", text)) == ["b", "a"]


@pytest.mark.parametrize("value", ["", "nonsense", "a:!!", "a:c2hvcnQ=", "ab:" + "A" * 44])
def test_a_bad_key_names_its_setting(value: str) -> None:
    with pytest.raises(keys.BadKeys, match="TOKEN_KEYS"):
        keys.parse("TOKEN_KEYS", value)


@pytest.mark.parametrize("name", keys.NAMES)
@pytest.mark.parametrize("value", ["", "change-me-change-me-change-me-change-me-change-me"])
def test_production_refuses_a_missing_or_default_secret_by_its_name(name: str, value: str) -> None:
    good = {"SECRET_KEY": "s" * 50, "ENCRYPTION_KEYS": keys.new_key("a"), "TOKEN_KEYS": keys.new_key("a")}
    keys.refuse_defaults(good)
    with pytest.raises(keys.BadKeys, match=name):
        keys.refuse_defaults(good | {name: value})
