"""Which processes an install is made of, and how each is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from django.conf import settings


class Leaves(Enum):
    """When a process is told to end, once the whole install is."""

    AT_ONCE = "nobody waits for it"
    AFTER_ITS_WORK = "it may have work in its hands, which it finishes first"
    LAST = "the others need it to finish theirs"


@dataclass(frozen=True)
class Plan:
    """One process."""

    name: str
    command: list[str]
    leaves: Leaves = Leaves.AT_ONCE


def processes() -> list[Plan]:
    """In the order of starting; the database and the broker run already."""
    return [
        Plan("sandbox", manage("sandbox"), Leaves.LAST),
        Plan("listener", manage("listener"), Leaves.AFTER_ITS_WORK),
        Plan("web", web()),
        Plan("send", worker("send", settings.SEND_WORKERS), Leaves.AFTER_ITS_WORK),
        Plan("work", worker("work", settings.WORK_WORKERS), Leaves.AFTER_ITS_WORK),
        Plan("beat", celery("beat", "--scheduler", "config.schedule:Schedule", "--pidfile=")),
    ]


def manage(*words: str) -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words]


def web() -> list[str]:
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    options = {
        "bind": f"{host}:{settings.PORT}",
        "worker-class": "gthread",
        "workers": str(settings.WEB_WORKERS),
        "threads": str(settings.WEB_THREADS),
        "graceful-timeout": "5",
        "worker-tmp-dir": "/dev/shm",
        "log-level": "warning",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-m", "gunicorn", "config.wsgi", *words]


def worker(queue: str, processes: int) -> list[str]:
    # One machine knows of no other workers: no gossip, no roll-call at the start.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return celery("worker", "-Q", queue, "-c", str(processes), "-n", f"{queue}@%h", *quiet)


def celery(*words: str) -> list[str]:
    # Celery warns of root at every start; a container and a fresh machine often have nobody else.
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
    return [*python, "-m", "celery", "--quiet", "-A", "config", *words, "--loglevel", settings.LOG_LEVEL]
