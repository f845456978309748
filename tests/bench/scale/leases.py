"""What a lease and a gate cost at this point of a campaign: the statements themselves, undone again.

Told as CPU of the client's thread and of its PostgreSQL backend, so that waiting for a busy machine counts for nothing,
and beside a fixed piece of work for the same two, since a core's own speed changes with its neighbours.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.db import connection, transaction

from delivery.models import Mailing
from delivery.queue import gate, leasing
from delivery.queue.gate import Rules
from delivery.queue.leasing import Worker

WARM_UP, ROUNDS = 50, 500
BATCH = 50
_WORK = "SELECT sum(n) FROM generate_series(1, 20000) AS n"
T = TypeVar("T")


def cost(mailing: Mailing) -> tuple[float, float]:
    """A lease, and a gate of 50, in multiples of the fixed work. The mailing is sending, and no worker runs.

    Of each the cheapest twentieth of the rounds: neighbours make short statements dearer than the fixed work, by caches
    that they empty, so that medians of the same statements lay 60 % apart on a loaded machine.
    """
    rules = Rules(consent=True, include_lists=tuple(mailing.include_lists))
    clock = _Clock()
    rounds = [_once(clock, rules) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    leases, gates, work = (statistics.quantiles(times, n=20)[0] for times in zip(*rounds, strict=True))
    return leases / work, gates / work


def _once(clock: _Clock, rules: Rules) -> tuple[float, float, float]:
    """CPU seconds of a lease, a gate, the fixed work."""
    with transaction.atomic():
        claim, lease = clock.timed(lambda: leasing.take(Worker("bench", "bench")))
        assert claim is not None
        passed, gated = clock.timed(lambda: gate.pass_through(claim, rules, claim.ids[:BATCH]))
        assert len(passed.recipients) == BATCH
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        return lease, gated, clock.timed(lambda: cursor.execute(_WORK))[1]


class _Clock:
    """CPU of this thread and of the backend of its connection, to the nanosecond."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def timed(self, work: Callable[[], T]) -> tuple[T, float]:
        before = self._now()
        result = work()
        return result, self._now() - before

    def _now(self) -> float:
        return time.thread_time() + int(self._backend.read_text().split()[0]) / 1e9
