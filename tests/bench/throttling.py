"""Whether a set rate is also reached: three campaigns at once over routes of 5, 100 and 1,000 a second, two processes.

Judged by the receivers' own clock. That a rate is never passed is asserted by tests; this is its lower bound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from contacts.models import List
from delivery import mailings
from delivery.models import Limit, Mailing
from delivery.queue import expand
from tests.bench import people, pipeline
from tests.bench.pipeline import Bench, How, To
from tests.bench.receivers import QUIET
from tests.servers.receiver import Receiver

RATES = (5, 100, 1000)
SECONDS = float(os.environ.get("BENCH_THROTTLE_SECONDS", "60"))
BEGIN = 3.0  # seconds that are not counted
WITHIN = 0.02
FIRST = 10**6  # times the rate: the number of its first person


@dataclass(frozen=True, slots=True)
class Kept:
    """A rate that was set, and messages a second that came in."""

    rate: float
    came: float

    @property
    def off(self) -> float:
        return self.came / self.rate - 1

    def __str__(self) -> str:
        holds = "holds" if abs(self.off) <= WITHIN else "does not hold"
        return f"set {self.rate:,.0f}/s: {self.came:,.1f}/s over {SECONDS:.0f} s, {self.off:+.1%} (± 2 %: {holds})"


def measure(bench: Bench) -> list[Kept]:
    with ExitStack() as stack:
        receivers = [stack.enter_context(Receiver.start(QUIET)) for _ in RATES]
        sent = [_paused(bench, rate, receiver.port) for rate, receiver in zip(RATES, receivers, strict=True)]
        stack.enter_context(pipeline.workers(How(workers=2)))
        for mailing in sent:
            mailings.resume(mailing)
        time.sleep(SECONDS + 2 * BEGIN)
        for mailing in sent:
            mailings.pause(mailing)
        return [
            Kept(rate, rate_of([line.time for line in receiver.ledger()]))
            for rate, receiver in zip(RATES, receivers, strict=True)
        ]


def rate_of(times: Sequence[float]) -> float:
    """Of messages that came in at these moments, over the counted time."""
    begin = min(times) + BEGIN
    return sum(begin <= at < begin + SECONDS for at in times) / SECONDS


def _paused(bench: Bench, rate: int, port: int) -> Mailing:
    route = pipeline.smarthost(To(port))
    Limit.objects.create(route=route, per_second=rate)
    audience = List.objects.create(workspace=bench.workspace, name=f"rate {rate}", list_id_label=f"rate-{rate}")
    people.fill(audience, int(rate * (SECONDS + 3 * BEGIN)), domains=pipeline.DOMAINS, start=rate * FIRST)
    mailing = pipeline.schedule(bench, route, audience=audience)
    while expand.expand(mailing.pk):
        pass
    mailings.pause(mailing)
    mailing.refresh_from_db()
    return mailing
