"""One install, one supervisor or one `reset`: a lock that ends with its holder, and in it where the install answers."""

from __future__ import annotations

import fcntl
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Running:
    """Who holds the lock: a supervisor, or `reset`, which answers nowhere (`address` is "")."""

    pid: int
    address: str

    def __str__(self) -> str:
        if not self.address:
            return f"`make reset` is at work (process {self.pid}): answer it or end it first."
        return f"Shirase runs already at {self.address}/ (process {self.pid}). `make down` stops it."


def take(path: Path, pid: int, address: str) -> IO[str] | None:
    """The open file, which holds the lock until it is closed; None when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(json.dumps({"pid": pid, "address": address}))
    file.flush()
    return file


def holder(path: Path) -> Running | None:
    """Who holds the lock now; None when it is free."""
    if not path.exists():
        return None
    with path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _told(file)
    return None


def _told(file: IO[str]) -> Running:
    """Who has just taken the lock may still be writing."""
    for _ in range(20):
        file.seek(0)
        if text := file.read():
            return Running(**json.loads(text))
        time.sleep(0.05)
    raise TimeoutError(f"{file.name} is locked by something that does not say who it is")
