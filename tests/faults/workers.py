"""Starts, wakes and kills send workers, and recovers what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from kombu import Connection

from config.celery import SCHEDULE, app
from config.embedded import valkey
from delivery import tasks
from delivery.queue import ticks

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Valkey of its own; yields its address."""
    command = [
        str(valkey.find_binary()), "--port", "0", "--unixsocket", str(folder / "v.sock"), "--save", "",
        "--dir", str(folder),
    ]  # fmt: skip
    with (folder / "valkey.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for((folder / "v.sock").exists, seconds=10)
        yield f"redis+socket://{folder / 'v.sock'}"
    finally:
        process.kill()
        process.wait()


class Workers:
    """One send worker at a time, of two processes, in a group of its own so that one kill takes all of it."""

    def __init__(self, broker_url: str, folder: Path, **environment: str) -> None:
        self._broker, self._folder = broker_url, folder
        self._environment = os.environ | {"BROKER_URL": broker_url} | environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.worker", str(connection.settings_dict["NAME"])]
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wake(self) -> None:
        with Connection(self._broker) as to:
            tasks.send.apply_async(connection=to, expires=2.0)

    def kill(self) -> None:
        """kill -9 to the worker and its children at once; nothing where none runs."""
        if self._process is None or self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM to the worker, as a deployment does; its exit code."""
        assert self._process
        self._process.terminate()
        return self._process.wait(timeout=60)

    def send_until(self, true: Callable[[], bool], *, seconds: float = 60.0) -> None:
        woken = 0.0

        def check() -> bool:
            nonlocal woken
            if time.monotonic() - woken > 0.3:
                woken = time.monotonic()
                self.wake()
                ticks.advance()
            return true()

        wait_for(check, seconds=seconds)

    def log(self) -> str:
        return (self._folder / "worker.log").read_text()


def recover_all(*, seconds: float = 30.0) -> None:
    """The tick that beat gives to the `work` queue, until no lease is open."""
    tick = app.tasks[SCHEDULE["recover leases of dead workers"]["task"]]

    def done() -> bool:
        tick.apply(throw=True)
        return open_leases() == 0

    wait_for(done, seconds=seconds)


def open_leases() -> int:
    return _number("SELECT count(*) FROM delivery_lease WHERE closed_at IS NULL")


def open_marks() -> int:
    """Messages that are marked and have no outcome."""
    return _number(
        "SELECT count(*) FROM delivery_attempt a JOIN delivery_lease l ON l.id = a.lease_id AND l.closed_at IS NULL,"
        " unnest(a.ids) AS id_marked WHERE NOT EXISTS ("
        "SELECT FROM delivery_attempt o WHERE o.message_id = id_marked AND o.lease_id = l.id)"
    )


def sessions() -> int:
    """Sessions at the database besides our own: that of a killed worker may just be committing."""
    return _number(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def _number(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def wait_for(true: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
