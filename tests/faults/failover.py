"""The database's machine is lost, and a streaming standby, which has confirmed every commit, takes over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from django.db import connection

from config.embedded import places, postgres
from config.embedded.places import Place
from tests.faults import place, scenes, workers
from tests.faults.scenes import NotShown, Scene
from tests.faults.stand import Stand

STANDBY = place.VAR / "standby"
STREAMS = {"wal_level": "replica", "max_wal_senders": "4"}
CONFIRMED = {"synchronous_standby_names": "*"}


def with_standby(number: int, ends: ExitStack) -> Scene:
    """All workers reach the database over a line; a commit returns when the standby has it too."""
    STANDBY.mkdir(exist_ok=True)
    first, second = _places()
    program = postgres.find_binaries(first) / "pg_basebackup"
    if not program.exists():
        raise NotShown("no pg_basebackup")
    ends.callback(_one_again, dict(postgres.SETTINGS))
    _stop()
    postgres.SETTINGS.update(STREAMS | CONFIRMED)
    postgres.start(place.VAR)
    _copy(program, first, second)
    for name in CONFIRMED:  # nobody stands by for the standby
        del postgres.SETTINGS[name]
    postgres.start(STANDBY)
    workers.wait_for(lambda: _ask(first, "SELECT sync_state FROM pg_stat_replication") == "sync", seconds=20)
    return scenes.over_a_line(number, ends)


def _copy(program: Path, first: Place, second: Place) -> None:
    """Owned by the user who may run it."""
    second.data.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(second.data, ignore_errors=True)
    subprocess.run(
        [program, "-D", second.data, "-h", first.sockets, "-U", postgres.USER, "-R", "-c", "fast"],
        check=True, capture_output=True,
    )  # fmt: skip
    owner = first.data.stat()
    subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", second.data], check=True)


def fails_over(stand: Stand) -> int:
    """What was committed is there, the newest mark too, so that nothing pauses; and nobody needs an operator."""
    first, second = _places()
    line = stand.scene.line
    assert line is not None
    stand.midway()
    _kill(first)
    time.sleep(stand.chance.random())
    assert _ask(second, "SELECT pg_promote()")
    line.install = STANDBY
    connection.close()
    connection.settings_dict["HOST"] = str(second.sockets)
    stand.drain()
    return 0


def _kill(first: Place) -> None:
    """Of all its processes at once, as when its machine loses its power."""
    server = postgres.server_pid(first)
    assert server
    own = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for pid in (server, *map(int, own)):
        os.kill(pid, signal.SIGKILL)
    workers.wait_for(lambda: postgres.server_pid(first) is None, seconds=10)


def _one_again(settings: dict[str, str]) -> None:
    """The other rows go on with the data of the newest primary, and without a standby."""
    first, second = _places()
    _stop()
    if second.data.exists() and not (second.data / "standby.signal").exists():
        shutil.rmtree(first.data)
        second.data.rename(first.data)
    shutil.rmtree(second.data, ignore_errors=True)
    connection.settings_dict["HOST"] = str(first.sockets)
    postgres.SETTINGS.clear()
    postgres.SETTINGS.update(settings)
    postgres.start(place.VAR)


def _stop() -> None:
    connection.close()
    for install in (STANDBY, place.VAR):
        postgres.stop(install)


def _places() -> tuple[Place, Place]:
    return places.postgres_place(place.VAR), places.postgres_place(STANDBY)


def _ask(server: Place, statement: str) -> object:
    with psycopg.connect(**postgres.dsn(server), autocommit=True) as session:
        answer = session.execute(statement)
        row = answer.fetchone() if answer.description else None
    return row[0] if row else None
