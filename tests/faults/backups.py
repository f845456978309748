"""The database is put back to what it was earlier in the campaign."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from django.db import connection

from config.embedded import places, postgres
from delivery.models import Mailing, MessageState
from delivery.restored import CAUSE
from tests.faults import place, workers
from tests.faults.scenes import PEOPLE
from tests.faults.stand import Stand

LOOKED_FOR = 2.0  # seconds


def restored(stand: Stand) -> int:
    """A backup of mid-campaign: nothing leaves. Then the newest state is put back, so that the ledger can judge."""
    data = places.postgres_place(place.VAR).data
    backup, newest = data.with_name("postgres.backup"), data.with_name("postgres.newest")
    stand.midway()
    _stop()
    _copy(data, backup)
    _start()
    wanted = stand.accepted() + PEOPLE // 12
    stand.until(lambda: stand.accepted() >= wanted and workers.open_marks() > 0)
    # Where the copy took longer than a lease, they are of a worker beyond its lease.
    beyond = len(stand.people_in(MessageState.UNCERTAIN))
    left = stand.kill()
    accepted = stand.accepted()

    _stop()
    data.rename(newest)
    backup.rename(data)
    _start()
    try:
        _nothing_leaves(stand, accepted)
    finally:
        _stop()
        shutil.rmtree(data)
        newest.rename(data)
        _start()
    unknown = left.connections + beyond
    stand.go_on(unknown=unknown)
    return unknown


def _nothing_leaves(stand: Stand, accepted: int) -> None:
    stand.worker = stand.scene.worker()

    def paused() -> bool:
        stand.mailing.refresh_from_db()
        return stand.mailing.state == Mailing.State.PAUSED

    stand.until(paused, seconds=30)
    then = time.monotonic() + LOOKED_FOR
    stand.until(lambda: time.monotonic() > then)
    assert stand.mailing.pause_reason == CAUSE, f"paused for {stand.mailing.pause_reason}"
    assert stand.accepted() == accepted, f"{stand.accepted() - accepted} got mail from the old database"
    assert stand.worker.terminate() == 0


def _stop() -> None:
    postgres.stop(place.VAR, immediately=lambda: True)
    connection.close()


def _start() -> None:
    postgres.start(place.VAR)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)  # with its owner
