"""`make faults`: every fault as often as its row says, a table, and var/faults/latest.json.

SHORT=1: those of the short form, once. RUNS=5: each at most five times. JOBS=3: so many at a time, each in an install
of its own. ROWS="kill, broker": those with one of these words; REST=1: those that the file lacks, because an earlier
run was cut short. SEED repeats the moments of an earlier run, as far as the machine lets it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict

from tests.faults import place

import django  # isort: skip - the environment comes first

django.setup()

from tests.faults.rows import ROWS, Row  # noqa: E402
from tests.faults.table import HEAD, Table, Told  # noqa: E402

SHORT = bool(os.environ.get("SHORT"))
REST = bool(os.environ.get("REST"))
MOST = 1 if SHORT else int(os.environ.get("RUNS", "20"))
JOBS = int(os.environ.get("JOBS", "2"))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
WORDS = [word.strip() for word in " ".join(sys.argv[1:]).split(",")]


def main() -> int:
    place.alone()
    table = Table(place.LATEST, [row.fault for row in ROWS], SHORT)
    if REST or any(WORDS):
        table.keep()
    rows = [row for row in ROWS if wanted(row) and not (REST and row.fault in table.lines)]
    print(f"SEED={SEED}\n{HEAD}", flush=True)
    told = Players(rows, table)
    with ThreadPoolExecutor(JOBS) as jobs:
        for done in [jobs.submit(told.play, slot) for slot in range(1, JOBS + 1)]:
            done.result()
    return 1 if any(table.lines[row.fault].broken for row in rows) else 0


def wanted(row: Row) -> bool:
    return any(word in row.fault for word in WORDS) and (row.short or not SHORT)


class Players:
    """One a slot; whoever is free plays the next run."""

    def __init__(self, rows: list[Row], table: Table) -> None:
        self._runs = self._each(rows)
        self._left = Counter({row.fault: min(row.runs, MOST) for row in rows})
        self._told = {row.fault: Told(row.fault, SEED) for row in rows}
        self._table, self._lock = table, threading.Lock()

    def _each(self, rows: list[Row]) -> Iterator[tuple[str, int, int]]:
        runs = ((row.fault, run) for row in rows for run in range(min(row.runs, MOST)))
        return ((fault, run, number) for number, (fault, run) in enumerate(runs, 1))

    def play(self, slot: int) -> None:
        """A player that dies in a run leaves the others to the next one."""
        while run := self._next():
            self._play(slot, run)

    def _play(self, slot: int, run: tuple[str, int, int] | None) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.faults.player"], cwd=place.ROOT, text=True,
            env=os.environ | {"FAULTS_SLOT": str(slot), "SEED": str(SEED), "VAR_DIR": ""},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as player:  # fmt: skip
            while run and (told := self._told_by(player, run)):
                self._add(run[0], told)
                run = self._next()
        if run:
            print(f"\n{run[0]}: the player ended with {player.returncode}", file=sys.stderr, flush=True)
            self._add(run[0], asdict(Told(run[0], SEED, runs=1, broken=1)))

    def _told_by(self, player: subprocess.Popen[str], run: tuple[str, int, int]) -> dict[str, object] | None:
        """None where the player has died."""
        assert player.stdin
        assert player.stdout
        with suppress(BrokenPipeError):
            print(json.dumps(run), file=player.stdin, flush=True)
        line = player.stdout.readline()
        return json.loads(line) if line else None  # type: ignore[no-any-return]

    def _next(self) -> tuple[str, int, int] | None:
        with self._lock:
            return next(self._runs, None)

    def _add(self, fault: str, run: dict[str, object]) -> None:
        with self._lock:
            self._told[fault].add(Told(**run))  # type: ignore[arg-type]
            self._left[fault] -= 1
            if not self._left[fault]:
                self._table.add(self._told[fault])


if __name__ == "__main__":
    sys.exit(main())
