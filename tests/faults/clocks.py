"""The wall clock of the workers' machine jumps; that of the database, elsewhere, does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from config.supervisor import plan
from delivery.models import Lease, MessageState
from tests.faults import scenes
from tests.faults.scenes import PEOPLE, NotShown, Scene
from tests.faults.stand import Stand
from tests.faults.workers import Worker

SOURCE = Path(__file__).with_name("clock.c")
HOUR = 3600  # seconds
EACH = PEOPLE // 6  # people between the jumps


def jumping(number: int, ends: ExitStack) -> Scene:
    """Send worker, `work` worker and beat read the time of one machine, as a file sets it; nobody else works."""
    scene = scenes.smarthost(number, ends)
    where = scenes.folder()
    scene.clock = where / "clock"
    scene.clock.write_text("0")
    own = os.environ | {"LD_PRELOAD": str(_library(where)), "CLOCK_FILE": str(scene.clock)}
    scene.has_beat, scene.worker = True, lambda: Worker(environment=own)
    beat = plan.celery("beat", "--scheduler", "config.schedule:Schedule", "--pidfile=")
    for command in (beat, plan.worker("work", 1)):
        ends.callback(Worker(command, own).kill)
    return scene


def _library(where: Path) -> Path:
    if not shutil.which("cc"):
        raise NotShown("no C compiler for another clock")
    library = where / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def jumps(stand: Stand) -> int:
    """An hour ahead, then an hour behind: no lease is over for it, nobody is given up, and nothing stands still."""
    clock = stand.scene.clock
    assert clock is not None
    stand.midway()
    for seconds in (HOUR, -HOUR):
        clock.write_text(str(seconds))
        wanted = min(stand.accepted() + EACH, PEOPLE)
        stand.until(lambda wanted=wanted: stand.accepted() >= wanted)  # type: ignore[misc]
    stand.drain()
    assert not Lease.objects.filter(mailing=stand.mailing, fence__gt=1).exists(), "a lease was called over"
    assert len(stand.people_in(MessageState.DELIVERED)) == PEOPLE, "not everybody got it"
    return 0
