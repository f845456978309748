from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config import install

ROOT = Path(__file__).resolve().parents[2]


def set_up() -> str:
    done = subprocess.run(
        [sys.executable, "config/install.py"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_second_set_up_finds_nothing_to_do() -> None:
    set_up()
    assert set_up() == ""


def test_a_changed_or_renamed_input_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "ROOT", tmp_path)
    first, second = tmp_path / "a.js", tmp_path / "b.js"
    first.write_text("one")
    before = install.digest_of([first])
    first.write_text("two")
    changed = install.digest_of([first])
    second.write_text("two")
    assert len({before, changed, install.digest_of([second])}) == 3


def test_locks_name_no_host_and_every_package_has_its_hash() -> None:
    for lock in ROOT.glob("requirements*.txt"):
        text = lock.read_text()
        assert "http" not in text, lock.name
        pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pinned, lock.name
        assert all("==" in line and line.endswith("\\") for line in pinned), lock.name
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def test_the_embedded_and_the_tested_versions_are_the_same() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith(" ")}

    assert pins("requirements.txt") <= pins("requirements-embedded.txt") <= pins("requirements-dev.txt")


def test_a_slow_build_of_python_gives_way_to_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "python3"
    system.write_text("#!/bin/sh\nexit ${FIT:-0}\n")
    system.chmod(0o755)
    monkeypatch.setattr(install, "SYSTEM_PYTHON", system)
    monkeypatch.setattr(install.sysconfig, "get_config_var", {"CONFIG_ARGS": "'--enable-shared'"}.get)
    assert install.python() == system

    monkeypatch.setenv("FIT", "1")
    assert install.python() == sys.executable, "too old, or it makes no environments"
    monkeypatch.delenv("FIT")
    monkeypatch.setattr(install.sysconfig, "get_config_var", {"CONFIG_ARGS": "'--enable-optimizations'"}.get)
    assert install.python() == sys.executable
