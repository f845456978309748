"""`make faults`: every fault as often as its row says, a table, and var/faults/latest.json.

SHORT=1: those of the short form, once. RUNS=5: each at most five times. ROWS=kill: those with this word, and no file.
SEED repeats the moments of an earlier run, as far as the machine lets it.
"""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from dataclasses import asdict, dataclass

from tests.faults import place

import django  # isort: skip - the environment comes first

django.setup()

from django.db import connection  # noqa: E402

from delivery.models import Mailing  # noqa: E402
from tests.delivery.queue import world  # noqa: E402
from tests.faults import invariants, workers  # noqa: E402
from tests.faults.broker import Broker  # noqa: E402
from tests.faults.rows import ROWS, Row  # noqa: E402
from tests.faults.stand import PEOPLE, Stand, stand  # noqa: E402

SHORT = bool(os.environ.get("SHORT"))
MOST = 1 if SHORT else int(os.environ.get("RUNS", "20"))
SEED = int(os.environ.get("SEED", random.randrange(10**6)))
WORD = " ".join(sys.argv[1:])
HEAD = f"{'fault':40}{'runs':>5}{'sent':>8}{'lost':>6}{'duplicated':>12}{'uncertain':>16}{'recovered':>12}"


@dataclass
class Told:
    """One line of the table: sums over its runs, and the slowest recovery."""

    fault: str
    runs: int
    seed: int
    sent: int = 0  # acceptances in the receivers' ledgers
    lost: int = 0
    duplicated: int = 0
    uncertain: int = 0
    uncertain_at_most: int = 0
    recovered_after_s: float = 0.0  # from the fault until the campaign had ended
    broken: int = 0  # runs in which something did not hold

    def line(self) -> str:
        uncertain = f"{self.uncertain} (<= {self.uncertain_at_most})"
        return (
            f"{self.fault:40}{self.runs:5}{self.sent:8}{self.lost:6}{self.duplicated:12}{uncertain:>16}"
            f"{self.recovered_after_s:10.1f} s" + (f"  DID NOT HOLD {self.broken} TIMES" if self.broken else "")
        )

    def add(self, one: Stand, bound: int) -> None:
        found = invariants.judge(one.mailing, one.ledger(), PEOPLE)
        self.sent += found.accepted + found.duplicated
        self.lost += found.lost
        self.duplicated += found.duplicated
        self.uncertain += found.uncertain
        self.uncertain_at_most += bound
        self.recovered_after_s = round(max(self.recovered_after_s, one.recovered_after), 1)


def main() -> int:
    print(f"SEED={SEED}", flush=True)
    # A row in which the database would keep us waiting for ever has failed.
    connection.settings_dict["OPTIONS"]["options"] = "-c lock_timeout=60s"
    place.prepare()
    try:
        told = play()
    finally:
        place.leave()
    if not WORD:
        rows = [asdict(line) for line in told]
        place.LATEST.write_text(json.dumps({"short": SHORT, "rows": rows}, indent=2) + "\n")
    return 1 if any(line.broken for line in told) else 0


def play() -> list[Told]:
    here, broker, told, number = world.make(), Broker(), [], 0
    broker.start()
    print(HEAD, flush=True)
    try:
        for row in ROWS:
            if WORD not in row.fault or (SHORT and not row.short):
                continue
            line = Told(row.fault, min(row.runs, MOST), SEED)
            for run in range(line.runs):
                number += 1
                chance = random.Random(f"{SEED} {row.fault} {run}")
                with stand(here, broker, row.scene, number=number, chance=chance) as one:
                    play_one(row, one, line)
            print(line.line(), flush=True)
            told.append(line)
    finally:
        broker.kill()
    return told


def play_one(row: Row, one: Stand, line: Told) -> None:
    """Whatever goes wrong is told, and the other rows are played all the same."""
    bound = 0
    try:
        bound = row.hit(one)
        check(one, bound)
    except Exception:
        line.broken += 1
        print(f"\n{row.fault}:\n{traceback.format_exc()}\nthe workers' last words:\n{workers.last_words()}", flush=True)
    line.add(one, bound)


def check(one: Stand, bound: int) -> None:
    invariants.check(one.mailing, one.ledger())
    assert one.mailing.state == Mailing.State.FINISHED, f"the campaign is {one.mailing.state}"
    found = invariants.judge(one.mailing, one.ledger(), PEOPLE)
    assert not (found.lost or found.duplicated or found.waiting), f"{found}"
    assert found.uncertain <= bound, f"{found.uncertain} unknown, and at most {bound} can have been under way"


if __name__ == "__main__":
    sys.exit(main())
