"""A rate is one for all workers: what they buy never overlaps, and a stall is not caught up in a burst."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

import pytest
from django.db import connection

from delivery import buckets, throttle
from delivery.buckets import Scope
from delivery.models import Limit, Route
from delivery.sender.thread import SendThread
from delivery.throttle import Limits, Sale
from tests.delivery.queue import world
from tests.delivery.queue.world import sending
from tests.servers.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.alone]
PURCHASES = 12  # of each worker


def _work(scopes: Sequence[Scope], rate: float, sold: list[Sale]) -> None:
    """A worker that buys at its own pace, and gives a part of every third purchase back."""
    try:
        for number in range(PURCHASES):
            sale, now = buckets.buy(scopes, throttle.batch(rate, 10_000))
            kept = sale.number
            if number % 3 == 2:
                kept -= sale.number // 2
                buckets.give_back(scopes, sale, sale.number - kept)
            assert sale.start >= now, "time that is over cannot be bought"
            sold.append(Sale(kept, sale.start, sale.gap))
    finally:
        connection.close()


@pytest.mark.parametrize(
    "limits",
    [Limits(per_second=5), Limits(per_second=100), Limits(per_second=1000), Limits(per_minute=6000)],
    ids=["5/s", "100/s", "1000/s", "6000/min"],
)
def test_what_two_to_eight_workers_buy_never_overlaps(limits: Limits) -> None:
    """They join and leave; the narrowest of the scopes that they share holds."""
    wide = Limits(per_second=limits.rate * 3)
    keys = ["domain:1", "route:1", "route:1/site:7", "workspace:1"]
    scopes = [Scope(key, limits if key == "route:1/site:7" else wide) for key in keys]
    sold: list[Sale] = []
    for together in (2, 8, 3):
        workers = [threading.Thread(target=_work, args=(scopes, limits.rate, sold)) for _ in range(together)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert len(sold) == 13 * PURCHASES
    sold.sort(key=lambda sale: sale.start)
    for first, second in itertools.pairwise(sold):
        assert second.start >= first.start + first.number * first.gap - throttle.SAME
    slots = sorted(sale.start + n * sale.gap for sale in sold for n in range(sale.number))
    last = 0
    for first, slot in enumerate(slots):
        while last < len(slots) and slots[last] < slot + 1 - throttle.SAME:
            last += 1
        assert last - first <= limits.rate + 1


def test_a_stall_is_not_caught_up_in_a_burst(smtp_server: Receiver, send_thread: SendThread) -> None:
    """The process stands still for seconds, as under SIGSTOP; what it had bought has lapsed then."""
    rate = 40
    mailing = sending(240, smtp_server)
    Limit.objects.create(route=Route.objects.get(), per_second=rate)
    world.run(send_thread, lambda: len(smtp_server.ledger()) > rate)
    assert send_thread._loop is not None
    send_thread._loop.call_soon_threadsafe(time.sleep, 3.0)

    world.run(send_thread, world.ended(mailing), seconds=60)

    times = sorted(line.time for line in smtp_server.ledger())
    assert len(times) == 240
    pause = max(second - first for first, second in itertools.pairwise(times))
    assert pause > 2, "it did stand still"
    busiest = max(sum(1 for t in times if at <= t < at + 1) for at in times)
    assert busiest <= rate * (1 + throttle.SLICE) + 2
