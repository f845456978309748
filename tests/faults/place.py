"""An install of its own in var/faults, whose database and broker may be killed; FAULTS_SLOT tells several apart.

Imported before anything of Django.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FAULTS = ROOT / "var" / "faults"
LATEST = FAULTS / "latest.json"
VAR = FAULTS / os.environ.get("FAULTS_SLOT", "1")
FOLDER = Path(tempfile.mkdtemp(prefix="faults-"))  # short: a socket's path has 107 octets at most
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
BROKER_SOCKET = FOLDER / "v.sock"
LEASE_SECONDS = 4

# Whatever the environment says: faults never touch an install's data or its broker.
os.environ |= {
    "VAR_DIR": str(VAR),
    "DATABASE_URL": "",
    "BROKER_URL": f"redis+socket://{BROKER_SOCKET}",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "TIME_SCALE": "0.001",  # half an hour in 1.8 s; the wait after a dot is 12 s
}
os.environ.setdefault("LOG_LEVEL", "WARNING")
VAR.mkdir(parents=True, exist_ok=True)


def alone() -> None:
    """One run at a time: another one waits here."""
    fcntl.flock(os.open(FAULTS / "lock", os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX)


def prepare() -> None:
    """Start the database with empty tables."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from config.embedded import postgres

    _end_left_behind()
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    postgres.start(VAR)
    (settings.RUN_DIR / "postgres.keep").touch()  # a `make up` that ends leaves it running
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    shutil.rmtree(settings.JOURNAL_DIR, ignore_errors=True)


def _end_left_behind() -> None:
    """What a player that was killed has left: its workers and receivers."""
    own = os.fsencode(f"VAR_DIR={VAR}")
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # it is none, or has ended
            theirs = own in (process / "environ").read_bytes().split(b"\0")
            if theirs and "(postgres" not in (process / "stat").read_text():
                os.kill(int(process.name), signal.SIGKILL)


def leave() -> None:
    from config.embedded import postgres

    postgres.stop(VAR)
