"""Starts, wakes, stops and kills send workers, and sees what they leave in the database."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from django.db import connection

from config.celery import SCHEDULE, app
from config.supervisor import plan
from delivery import tasks
from delivery.queue import ticks
from tests.faults import place

PROCESSES = 2
LOG = place.FOLDER / "worker.log"


class Worker:
    """One of the product's own processes, a send worker if nothing else is said, in a process group of its own so that
    one signal reaches all of it."""

    def __init__(self, command: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        with LOG.open("ab") as log:
            self._process = subprocess.Popen(
                command or plan.worker("send", PROCESSES), cwd=place.ROOT, stdout=log, stderr=log,
                start_new_session=True, env=environment or os.environ,
            )  # fmt: skip

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9 to the worker and its children at once; nothing where none runs."""
        if self.alive():
            self.signal(signal.SIGKILL)
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)

    @property
    def pid(self) -> int:
        return self._process.pid

    def children(self) -> list[str]:
        """The process ids of its send processes."""
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()

    def memory(self) -> int:
        """The most that one of its send processes ever had, in kB."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.children()]
        return max(int(found[1]) for text in texts if (found := re.search(r"VmHWM:\s+(\d+) kB", text)))

    def _listens(self) -> bool:
        caught = re.search(r"SigCgt:\s+(\w+)", Path(f"/proc/{self._process.pid}/status").read_text())
        return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)

    def terminate(self) -> int:
        """SIGTERM to the worker, as a deployment does; its exit code.

        One that still starts has nothing in its hands and ends by the signal itself: we wait until it listens.
        """
        wait_for(lambda: not self.alive() or self._listens(), seconds=60)
        self._process.terminate()
        return self._process.wait(timeout=60)


def work_until(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """What beat and the `work` queue do, until something is true: wake the workers, advance the mailings, recover."""
    ticked = 0.0

    def check() -> bool:
        nonlocal ticked
        if time.monotonic() - ticked > 0.3:
            tasks.send.apply_async(expires=2.0)
            ticks.advance()
            recover()
            ticked = time.monotonic()
        return true()

    wait_for(check, seconds=seconds)


def last_words() -> str:
    return "none" if not LOG.exists() else "\n".join(LOG.read_text().splitlines()[-12:])


def recover() -> None:
    """The tick that beat gives to the `work` queue."""
    app.tasks[SCHEDULE["recover leases of dead workers"]["task"]].apply(throw=True)


def recover_all(*, seconds: float = 30.0) -> None:
    """Until no lease is open: no worker may live."""

    def done() -> bool:
        recover()
        return open_leases() == 0

    wait_for(done, seconds=seconds)


def open_leases() -> int:
    return number("SELECT count(*) FROM delivery_lease WHERE closed_at IS NULL")


def open_marks() -> int:
    """Messages that are marked and have no outcome."""
    return number(
        "SELECT count(*) FROM delivery_attempt a JOIN delivery_lease l ON l.id = a.lease_id AND l.closed_at IS NULL,"
        " unnest(a.ids) AS id_marked WHERE NOT EXISTS ("
        "SELECT FROM delivery_attempt o WHERE o.message_id = id_marked AND o.lease_id = l.id)"
    )


def sessions() -> int:
    """Sessions at the database besides our own: that of a killed worker may just be committing."""
    return number(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def sessions_waiting_for_a_lock() -> int:
    return number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


def number(sql: str, *parameters: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.fetchone()[0])


def wait_for(true: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:.0f} s"
        time.sleep(0.02)
