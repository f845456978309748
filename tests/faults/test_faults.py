"""Faults in mid-campaign as `make faults SHORT=1` plays them, once each; their own fsynced ledger is the judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.alone
@pytest.mark.faults
@pytest.mark.slow
def test_nothing_is_lost_or_sent_twice_whatever_happens() -> None:
    latest = ROOT / "var" / "faults" / "latest.json"
    latest.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults"], cwd=ROOT, env=os.environ | {"SHORT": "1"}, check=False
    )
    told = json.loads(latest.read_text())

    assert [row["fault"] for row in told["rows"] if row["lost"] or row["duplicated"] or row["broken"]] == []
    assert all(row["runs"] == 1 for row in told["rows"])
    assert done.returncode == 0
