"""What a lease and a gate cost at this point of a campaign: the statements themselves, undone again.

Measured while no worker runs, each beside a fixed piece of work for the database, so that a slower minute of the
machine does not look like a slower lease.
"""

from __future__ import annotations

import statistics
import time

from django.db import connection, transaction

from delivery.models import Mailing
from delivery.queue import gate, leasing
from delivery.queue.gate import Rules
from delivery.queue.leasing import Worker

WARM_UP, ROUNDS = 50, 500
BATCH = 50
_WORK = "SELECT sum(n) FROM generate_series(1, 20000) AS n"


def cost(mailing: Mailing) -> tuple[float, float]:
    """A lease, and a gate of 50: medians in multiples of the fixed work. The mailing is sending."""
    rules = Rules(consent=True, include_lists=tuple(mailing.include_lists))
    rounds = [_once(rules) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    leases, gates, work = (statistics.median(times) for times in zip(*rounds, strict=True))
    return leases / work, gates / work


def _once(rules: Rules) -> tuple[float, float, float]:
    """Seconds of a lease, a gate, the fixed work."""
    with transaction.atomic():
        began = time.perf_counter()
        claim = leasing.take(Worker("bench", "bench"))
        leased = time.perf_counter()
        assert claim is not None
        asked = time.perf_counter()
        passed = gate.pass_through(claim, rules, claim.ids[:BATCH])
        answered = time.perf_counter()
        assert len(passed.recipients) == BATCH
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        working = time.perf_counter()
        cursor.execute(_WORK)
        return leased - began, answered - asked, time.perf_counter() - working
