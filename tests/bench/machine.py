"""What a run has cost: CPU and memory of processes as /proc counts them, WAL as PostgreSQL counts it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.embedded import postgres
from config.embedded.places import postgres_place

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds, and octets of WAL."""

    workers: float
    postgres: float
    wal: int

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(self.workers - earlier.workers, self.postgres - earlier.postgres, self.wal - earlier.wal)


def spent(workers: Iterable[int]) -> Spent:
    """By these processes, and by the embedded PostgreSQL, up to now."""
    return Spent(sum(cpu_seconds(pid) for pid in workers), postgres_seconds(), wal_octets())


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Of a process, all threads; with those of its children that have ended."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11 : 15 if with_children else 13]) / TICK


def postgres_seconds() -> float:
    """Backends that have ended are counted by the server process."""
    server = postgres.server_pid(postgres_place(settings.VAR))
    assert server
    living = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    total = cpu_seconds(server, with_children=True)
    for pid in living:
        try:
            if int(_stat(pid)[1]) == server:
                total += cpu_seconds(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _stat(pid: int) -> list[str]:
    """The fields behind the name: state, parent, …; user and system time are the 12th and 13th."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory_mb(pid: int) -> float:
    """Resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def wal_octets() -> int:
    return int(_asked("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


def queue_octets() -> int:
    """Of all tables of the queue and the log, with their indexes and TOAST."""
    return int(
        _asked(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE 'delivery\\_%'"
        )
    )


def _asked(sql: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return float(cursor.fetchone()[0])
