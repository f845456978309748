"""Plays faults in an install of its own: `fault`, run and number a line from standard input, what was seen to standard
output, both as JSON."""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from dataclasses import asdict

from tests.faults import place

import django  # isort: skip - the environment comes first

django.setup()

from django.db import connection  # noqa: E402

from delivery.models import Mailing  # noqa: E402
from tests.delivery.queue import world  # noqa: E402
from tests.faults import invariants, workers  # noqa: E402
from tests.faults.broker import Broker  # noqa: E402
from tests.faults.rows import ROWS, Row  # noqa: E402
from tests.faults.scenes import NotShown  # noqa: E402
from tests.faults.stand import PEOPLE, Stand, stand  # noqa: E402
from tests.faults.table import Told  # noqa: E402

SEED = int(os.environ["SEED"])


def main() -> None:
    # A row in which the database would keep us waiting for ever has failed.
    connection.settings_dict["OPTIONS"]["options"] = "-c lock_timeout=60s"
    place.prepare()
    rows, here, broker = {row.fault: row for row in ROWS}, world.make(), Broker()
    broker.start()
    try:
        for line in sys.stdin:
            fault, run, number = json.loads(line)
            chance = random.Random(f"{SEED} {fault} {run}")
            try:
                with stand(here, broker, rows[fault].scene, number=number, chance=chance) as one:
                    told = play(rows[fault], one)
            except NotShown as why:
                told = Told(fault, SEED, not_shown=str(why))
            except Exception:
                told = broken(fault)
            print(json.dumps(asdict(told)), flush=True)
    finally:
        broker.kill()
        place.leave()


def play(row: Row, one: Stand) -> Told:
    """Whatever goes wrong is told, and the other rows are played all the same."""
    told, bound = Told(row.fault, SEED, runs=1), 0
    try:
        bound = row.hit(one)
        check(one, bound)
    except Exception:
        told = broken(row.fault)
    found = invariants.judge(one.mailing, one.ledger(), PEOPLE)
    told.sent = found.accepted + found.duplicated
    told.lost, told.duplicated, told.uncertain = found.lost, found.duplicated, found.uncertain
    told.uncertain_at_most, told.recovered_after_s = bound, round(one.recovered_after, 1)
    return told


def broken(fault: str) -> Told:
    print(
        f"\n{fault}:\n{traceback.format_exc()}\nthe workers' last words:\n{workers.last_words()}",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    return Told(fault, SEED, runs=1, broken=1)


def check(one: Stand, bound: int) -> None:
    invariants.check(one.mailing, one.ledger())
    assert one.mailing.state == Mailing.State.FINISHED, f"the campaign is {one.mailing.state}"
    found = invariants.judge(one.mailing, one.ledger(), PEOPLE)
    assert not (found.lost or found.duplicated or found.waiting), f"{found}"
    assert found.uncertain <= bound, f"{found.uncertain} unknown, and at most {bound} can have been under way"


if __name__ == "__main__":
    main()
