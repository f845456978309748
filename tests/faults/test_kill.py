"""kill -9 of the send workers in mid-campaign, while marks are open. The receiver's fsynced ledger is the judge."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from delivery.models import Mailing
from delivery.queue.counts import counts
from tests.delivery.queue import world
from tests.faults import invariants, workers
from tests.faults.workers import Workers
from tests.servers.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KILLS = 10
PEOPLE = 3_000
SCRIPT = {"dot": {"*": "WAIT 0.03"}}  # so that the campaign lasts, and dots are open at every moment


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    folder = tmp_path / "receiver"
    folder.mkdir()
    with Receiver.start(SCRIPT | {"store": False}, folder=folder) as found:
        yield found


@pytest.fixture
def send_workers(tmp_path: Path, settings: object) -> Iterator[Workers]:
    settings.LEASE_SECONDS = 4  # type: ignore[attr-defined]
    with workers.broker(tmp_path) as url:
        found = Workers(url, tmp_path, LEASE_SECONDS="4")
        yield found
        found.kill()


@pytest.mark.parametrize("journal", ["kept", "deleted"])
def test_nothing_is_lost_or_sent_twice(
    journal: str, chance: random.Random, receiver: Receiver, send_workers: Workers
) -> None:
    here = world.make(receiver)
    here.people(f"p{n}@example.net" for n in range(PEOPLE))
    mailing = here.mailing()
    uncertain = 0

    for number in range(KILLS):
        left = kill_while_marks_are_open(send_workers, receiver, chance)
        most = left.connections
        if journal == "deleted":
            for file in settings.JOURNAL_DIR.glob("*.log"):
                file.unlink()
            most = left.marks  # nothing but the marks tells then
        workers.recover_all()
        after = invariants.check(mailing, receiver)
        print(f"kill {number + 1}: {left}, {after}")
        assert after.uncertain - uncertain <= most, "more unknown than can have been under way"
        uncertain = after.uncertain

    send_workers.start()
    try:
        send_workers.send_until(world.ended(mailing), seconds=120)
    finally:
        print(counts(mailing))
    assert send_workers.terminate() == 0
    assert mailing.state == Mailing.State.FINISHED
    after = invariants.check(mailing, receiver)
    print(f"end: {after}")
    assert after.waiting == 0
    assert after.accepted >= PEOPLE - after.uncertain


@dataclass(frozen=True)
class Left:
    """What was under way at the moment of a kill: at most so many connections, and exactly so many marks."""

    connections: int
    marks: int


def kill_while_marks_are_open(send_workers: Workers, receiver: Receiver, chance: random.Random) -> Left:
    """A kill counts only when marks are open."""
    send_workers.start()
    send_workers.send_until(lambda: workers.open_marks() > 0)
    time.sleep(chance.random() * 0.6)
    send_workers.send_until(lambda: workers.open_marks() > 0)
    before = receiver.stats()
    send_workers.kill()
    workers.wait_for(lambda: receiver.stats()["open"] == 0 and workers.sessions() == 0, seconds=10)
    opened = receiver.stats()["connections"] - before["connections"]  # since we asked
    return Left(before["open"] + opened, workers.open_marks())
