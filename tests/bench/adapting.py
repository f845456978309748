"""How a receiver is served that asks us to slow down: in real time over SMTP, judged by the receiver's own count.

It lets in 100 a second, then half of it, then 100 again; above, RCPT is answered by 450 4.7.1. Two send processes,
nothing set.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contacts.models import List
from delivery import mailings
from delivery.models import Mailing
from delivery.queue import expand
from tests.bench import people, pipeline
from tests.bench.pipeline import Bench, How, To
from tests.bench.receivers import QUIET
from tests.servers.receiver import Receiver

RATE = 100.0
TWO_MINUTES = 120.0
MEASURED = 30.0  # seconds, after the two minutes
SERVED, DEFERRED = 0.85, 0.03
PEOPLE = 80_000
FIRST = 10**8  # the number of its first person
TOO_FAST = "450 4.7.1 Rate limit exceeded, slow down"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a receiver that lets in `allowed` a second let in and turned away."""

    name: str
    allowed: float
    served: float  # messages a second
    deferred: float  # share of those tried

    @property
    def holds(self) -> bool:
        return self.served >= SERVED * self.allowed and self.deferred < DEFERRED

    def told(self) -> dict[str, object]:
        return {"allowed": self.allowed, "served": round(self.served, 1), "deferred": round(self.deferred, 4)}

    def __str__(self) -> str:
        share, holds = self.served / self.allowed, "holds" if self.holds else "does not hold"
        return (
            f"{self.name:24}{self.served:7.1f}/s, {share:.2f} of {self.allowed:.0f}/s (≥ {SERVED}), "
            f"{self.deferred:.2%} deferred (< {DEFERRED:.0%}): {holds}"
        )


def measure(bench: Bench) -> Iterator[Seen]:
    with Receiver.start(QUIET | _allowing(RATE)) as receiver:
        mailing = _paused(bench, receiver.port)
        with pipeline.workers(How(workers=2)):
            mailings.resume(mailing)
            time.sleep(TWO_MINUTES / 2)
            yield _seen(receiver, "its second minute", RATE, TWO_MINUTES / 2)
            for name, allowed in (("two minutes after half", RATE / 2), ("two minutes after double", RATE)):
                receiver.answer(**_allowing(allowed))
                time.sleep(TWO_MINUTES)
                yield _seen(receiver, name, allowed, MEASURED)
            mailings.pause(mailing)


def _allowing(rate: float) -> Any:
    return {"allow": {"rate": rate, "window": 1.0, "counted": "rcpt", "answers": {"rcpt": TOO_FAST}}}


def _seen(receiver: Receiver, name: str, allowed: float, seconds: float) -> Seen:
    before, began = receiver.stats(), time.monotonic()
    time.sleep(seconds)
    after, took = receiver.stats(), time.monotonic() - began
    accepted, away = (after[key] - before[key] for key in ("accepted", "turned_away"))
    return Seen(name, allowed, accepted / took, away / max(1, accepted + away))


def _paused(bench: Bench, port: int) -> Mailing:
    audience = List.objects.create(workspace=bench.workspace, name="slowed", list_id_label="slowed")
    people.fill(audience, PEOPLE, domains=pipeline.DOMAINS, start=FIRST)
    mailing = pipeline.schedule(bench, pipeline.smarthost(To(port)), audience=audience)
    while expand.expand(mailing.pk):
        pass
    mailings.pause(mailing)
    mailing.refresh_from_db()
    return mailing
