"""A disk without room: that of the workers' journals, and that of the database's log. Each a small one of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from config.embedded import places, postgres
from delivery.models import Message, MessageState
from tests.faults import place, scenes
from tests.faults.scenes import PEOPLE, NotShown, Scene
from tests.faults.stand import Stand

JOURNAL_SIZE = "1m"
SEGMENTS_SIZE = "56m"  # three segments of the log and a half
ROOMY = "1g"
FULL_SECONDS = 5.0  # longer than a lease


def small_disk_of_journals(number: int, ends: ExitStack) -> Scene:
    settings.JOURNAL_DIR.mkdir(parents=True, exist_ok=True)
    _mount(settings.JOURNAL_DIR, JOURNAL_SIZE)
    ends.callback(_unmount, settings.JOURNAL_DIR)
    return scenes.smarthost(number, ends)


def full_of_journals(stand: Stand) -> int:
    """No dot leaves that could not be written down first; nobody is given an attempt or held for it."""
    stand.midway()
    filler = settings.JOURNAL_DIR / "filler"
    seen, since = -1, 0.0

    def stands_still() -> bool:
        nonlocal seen, since
        _fill(filler)
        if stand.accepted() != seen:
            seen, since = stand.accepted(), time.monotonic()
        return time.monotonic() - since > FULL_SECONDS

    stand.until(stands_still, seconds=40)
    assert stand.accepted() < PEOPLE, "it went on as if there were room"
    assert stand.worker.alive()
    filler.unlink()
    stand.drain()
    tries = set(Message.objects.filter(mailing=stand.mailing).values_list("state", "attempts"))
    assert tries == {(MessageState.DELIVERED, 1)}, f"{tries}"
    return 0


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)) == 4096:
            pass


def small_disk_of_the_log(number: int, ends: ExitStack) -> Scene:
    """The database's log lies on it; of the old one only the segment that the server starts from."""
    log, small = _log(), _log().with_name("pg_wal.small")
    if log.is_symlink():  # an earlier run was killed here
        _put_back(log, small)
    small.mkdir(exist_ok=True)
    _mount(small, SEGMENTS_SIZE)
    ends.callback(_put_back, log, small)
    _stop()
    for name in ("archive_status", "summaries"):
        (small / name).mkdir()
    shutil.copy(log / _newest_segment(), small)
    owner = log.stat()
    for path in (small, *small.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    shutil.rmtree(log)
    log.symlink_to(small)
    postgres.start(place.VAR)
    return scenes.smarthost(number, ends)


def _put_back(log: Path, small: Path) -> None:
    """What was written meanwhile, in the place where it belongs."""
    _stop()
    log.unlink()
    subprocess.run(["cp", "-a", small, log], check=True)
    _unmount(small)
    small.rmdir()
    postgres.start(place.VAR)


def full_of_the_log(stand: Stand) -> int:
    """PostgreSQL ends by itself in the middle of a write, and cannot start again before there is room."""
    stand.midway()
    with suppress(psycopg.Error), psycopg.connect(**_dsn(), autocommit=True) as session:
        while True:
            session.execute("SELECT pg_logical_emit_message(false, 'faults', repeat('x', 1000000))")
    time.sleep(FULL_SECONDS)
    subprocess.run(["mount", "-o", f"remount,size={ROOMY}", _log().with_name("pg_wal.small")], check=True)
    postgres.start(place.VAR)
    connection.close()
    stand.drain()
    return 0


def _newest_segment() -> str:
    """The one with the last checkpoint of a server that was stopped in order."""
    where = places.postgres_place(place.VAR)
    program = postgres.find_binaries(where) / "pg_controldata"
    told = subprocess.run([program, where.data], capture_output=True, text=True, check=True).stdout
    return next(line.split()[-1] for line in told.splitlines() if "REDO WAL file" in line)


def _mount(folder: Path, size: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "shirase-faults", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotShown(f"a file system of its own takes root ({done.stderr.strip()})")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", folder], check=True)


def _stop() -> None:
    postgres.stop(place.VAR)
    connection.close()


def _log() -> Path:
    return places.postgres_place(place.VAR).data / "pg_wal"


def _dsn() -> dict[str, Any]:
    return postgres.dsn(places.postgres_place(place.VAR))
