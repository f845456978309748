"""What a durable write costs on this disk: pg_test_fsync, the floor under every commit."""

from __future__ import annotations

import re
import subprocess

from django.conf import settings

from config.embedded import postgres
from config.embedded.places import postgres_place

_ROW = re.compile(r"^\s+(open_datasync|fdatasync|fsync|open_sync)\s+([\d.]+) ops/sec\s+(\d+) usecs/op", re.MULTILINE)


def measure() -> dict[str, float]:
    """µs of one 8 kB write by method; empty where PostgreSQL came without the program."""
    program = postgres.find_binaries(postgres_place(settings.VAR)) / "pg_test_fsync"
    if not program.exists():
        return {}
    file = settings.VAR / "pg_test_fsync"
    done = subprocess.run([program, "-s", "1", "-f", file], capture_output=True, text=True, check=False)
    file.unlink(missing_ok=True)
    first = done.stdout.partition("Compare file sync methods using two")[0]
    return {method: float(us) for method, _, us in _ROW.findall(first)}


def show(found: dict[str, float]) -> None:
    print("\npg_test_fsync, one write of 8 kB")
    if not found:
        print("  not measured: this PostgreSQL came without the program")
    for method, us in found.items():
        print(f"  {method:18}{us:8,.0f} µs")
