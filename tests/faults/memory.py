"""The memory of the workers' machine ends: the kernel kills a send process. A cgroup of their own is that machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from delivery.models import Lease, MessageState
from tests.faults import scenes, workers
from tests.faults.scenes import NotShown, Scene
from tests.faults.stand import Stand
from tests.faults.workers import Worker

GROUPS = Path("/sys/fs/cgroup/memory")
SPARE = 64_000_000  # octets beyond what the worker has when the campaign runs
KILLED_FIRST = "1000"
EATS = "import time; eaten = []\nwhile True: eaten.append(bytearray(b'x') * (1 << 20)); time.sleep(0.001)"


def small(number: int, ends: ExitStack) -> Scene:
    group = GROUPS / f"shirase-faults-{os.getpid()}-{number}"
    try:
        group.mkdir()
    except OSError as error:
        raise NotShown(f"a memory group of its own takes root and cgroup v1 ({error.strerror})") from error
    ends.callback(group.rmdir)
    ends.callback(workers.wait_for, lambda: not _processes(group), seconds=10)
    scene = scenes.smarthost(number, ends)
    scene.memory, scene.worker = group, lambda: _inside(group, Worker())
    return scene


def _inside(group: Path, worker: Worker) -> Worker:
    (group / "cgroup.procs").write_text(str(worker.pid))  # whatever it starts is in it too
    return worker


def runs_out(stand: Stand) -> int:
    """Once in mid-campaign. Celery starts another send process; nobody is held for what the machine has not."""
    group = stand.scene.memory
    assert group is not None
    stand.midway()
    before = stand.receiver.stats()
    for child in stand.worker.children():
        Path(f"/proc/{child}/oom_score_adj").write_text(KILLED_FIRST)
    _limit(group, int((group / "memory.usage_in_bytes").read_text()) + SPARE)
    with _eater(group):
        workers.wait_for(lambda: _killed(group) > 0, seconds=20)
    _limit(group, -1)
    stand.until(lambda: Lease.objects.filter(mailing=stand.mailing, fence__gt=1, closed_at__isnull=False).exists())
    assert stand.worker.alive(), "the whole worker has ended"
    opened = int(stand.receiver.stats()["connections"] - before["connections"])
    stand.drain()
    assert not stand.people_in(MessageState.HELD), "somebody is held for it"
    return int(before["open"]) + opened


@contextmanager
def _eater(group: Path) -> Iterator[None]:
    """A process that takes all that is left, and is not the one that is killed for it."""
    with subprocess.Popen([sys.executable, "-c", f"input()\n{EATS}"], stdin=subprocess.PIPE) as eater:
        try:
            (group / "cgroup.procs").write_text(str(eater.pid))
            assert eater.stdin
            eater.stdin.write(b"\n")
            eater.stdin.flush()
            yield
        finally:
            eater.kill()


def _limit(group: Path, octets: int) -> None:
    (group / "memory.limit_in_bytes").write_text(str(octets))


def _killed(group: Path) -> int:
    told = (group / "memory.oom_control").read_text().split()
    return int(told[told.index("oom_kill") + 1])


def _processes(group: Path) -> str:
    return (group / "cgroup.procs").read_text()
