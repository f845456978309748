"""What happens beside a large campaign: the ticks of the product, the workers' memory, mail that may not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

from analytics import folding
from contacts.models import List
from delivery import contents, mailings
from delivery.content.freeze import freeze
from delivery.models import Mailing, Route
from delivery.queue import ticks
from delivery.queue.counts import counts
from tests.bench import machine
from tests.bench.pipeline import Bench
from tests.delivery.content.samples import fifteen_kilobytes

LONGEST = 120.0


@contextmanager
def ticking() -> Iterator[None]:
    """What beat and the `work` queue do every second: mailings advance, the log is folded into reports."""
    with _every(1.0, _tick):
        yield


def _tick() -> None:
    ticks.advance()
    folding.fold()


class Memory:
    """Resident MB of processes, once a second."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.samples: list[float] = []  # of the largest of them
        self._pids = pids

    @contextmanager
    def watched(self) -> Iterator[None]:
        with _every(1.0, lambda: self.samples.append(max(machine.memory_mb(pid) for pid in self._pids))):
            yield

    def growth(self) -> float:
        """From the first tenth of the time, when all is loaded, to the last."""
        tenth = max(1, len(self.samples) // 10)
        return max(self.samples[-tenth:]) / max(self.samples[:tenth]) - 1


@contextmanager
def _every(seconds: float, work: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(seconds):
            work()
        connection.close()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def small_campaign(bench: Bench, route: Route, audience: List) -> float:
    """Seconds from its launch until everybody on that list has it."""
    began = time.monotonic()
    mailing = mailings.create(
        workspace=bench.workspace,
        kind=Mailing.Kind.CAMPAIGN,
        content=contents.store(bench.workspace, freeze(fifteen_kilobytes())),
        from_address=bench.unsigned,
        routes=[route],
        include_lists=[audience.pk],
    )
    return _until_delivered(mailing, 100) - began


def transactional(bench: Bench, route: Route) -> float:
    """Seconds until one typed address has it."""
    content = contents.store(bench.workspace, freeze(fifteen_kilobytes()))
    began = time.monotonic()
    mailing = mailings.post(
        workspace=bench.workspace,
        kind=Mailing.Kind.TRANSACTIONAL,
        content=content,
        from_address=bench.unsigned,
        routes=[route],
        rcpts=["reader@example.net"],
    )
    return _until_delivered(mailing, 1) - began


def _until_delivered(mailing: Mailing, people: int) -> float:
    deadline = time.monotonic() + LONGEST
    while counts(mailing).delivered < people and time.monotonic() < deadline:
        time.sleep(0.02)
    return time.monotonic()
