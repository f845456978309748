"""How fast to go where somebody asked us to slow down: the arithmetic, and simulated receivers by a simulated clock."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from delivery import adapting, throttle
from delivery.knowledge import classify
from delivery.queue.outcomes import Try, decide
from delivery.smtp.replies import EnhancedStatus, Phase, Reply
from delivery.throttle import Bucket, Limits, Sale

Event = tuple[float, int, str, Any]

# The simulation. Workers buy slices as the real ones do, from one bucket; replies come a round trip later.


@dataclass
class Receiver:
    """Takes `allowed` messages in any second; what comes above is refused, and does not count."""

    allowed: float
    taken: deque[float] = field(default_factory=deque)

    def takes(self, now: float) -> bool:
        while self.taken and self.taken[0] <= now - 1:
            self.taken.popleft()
        if len(self.taken) >= self.allowed:
            return False
        self.taken.append(now)
        return True


@dataclass
class World:
    """What the workers share, and what came of it: (second, taken or not)."""

    receiver: Receiver
    fastest: float  # messages a second that this machine can send
    round_trip: float = 0.1
    workers: int = 4
    stalls: float = math.inf  # seconds from one to the next; then the machine stands still for 0.15 s
    bucket: Bucket = field(default_factory=Bucket)
    refused: float = math.inf
    at: float = -math.inf
    before: tuple[float, float] = (math.inf, -math.inf)
    now: float = 0.0
    seen: list[tuple[float, bool]] = field(default_factory=list)

    def rate(self, worker: int = 0) -> float:
        """As this worker knows it: the first has heard it itself, the others read it within a second."""
        refused, at = self.before if worker and self.now - self.at < 1 else (self.refused, self.at)
        return self.fastest if refused == math.inf else min(self.fastest, adapting.rate(refused, self.now - at))

    def run(self, until: float) -> None:
        """Each worker buys half a second's worth, waits for its start, sends it evenly, and buys again."""
        events: list[Event] = []
        for worker in range(self.workers):
            heapq.heappush(events, (self.now, worker, "buy", None))
        while events and events[0][0] < until:
            self.now, worker, what, detail = heapq.heappop(events)
            if what == "buy":
                limits = Limits(per_second=self.rate(worker))
                number = throttle.batch(limits.rate, 200, changing=self.refused < math.inf)
                sale, (self.bucket,) = throttle.sell([(self.bucket, limits)], number, self.now)
                heapq.heappush(events, (sale.start, worker, "begin", (sale, limits)))
            elif what == "begin":
                self.begin(events, worker, *detail)
            elif what == "send" and self.now % self.stalls > self.stalls - 0.15:
                heapq.heappush(events, (self.now + self.stalls - self.now % self.stalls, worker, "send", None))
            elif what == "send":
                taken = self.receiver.takes(self.now)
                self.seen.append((self.now, taken))
                if not taken:
                    heapq.heappush(events, (self.now + self.round_trip, worker, "refused", self.now))
            else:
                self.hear(detail)
        self.now = until

    def begin(self, events: list[Event], worker: int, sale: Sale, limits: Limits) -> None:
        if self.rate(worker) < 0.8 * limits.rate:  # bought before somebody asked us to slow down
            heapq.heappush(events, (self.now, worker, "buy", None))
            return
        for number in range(sale.number):
            heapq.heappush(events, (self.now + number * sale.gap, worker, "send", None))
        heapq.heappush(events, (self.now + sale.number * sale.gap, worker, "buy", None))

    def hear(self, sent: float) -> None:
        age = self.now - self.at
        if not adapting.counts(age, self.now - sent):
            return
        went = math.inf if self.refused == math.inf else adapting.rate(self.refused, sent - self.at)
        over = adapting.measured_over(went)
        inside = [at for at, taken in self.seen if taken and at > self.now - over]
        measured = len(inside) / max(1.0, self.now - inside[0]) if inside else 0.0
        if measured:
            self.before = (self.refused, self.at)
            former = 0.0 if self.refused == math.inf else self.refused
            self.refused, self.at = adapting.refused_rate(went, measured, former, age), self.now
            self.bucket = replace(self.bucket, next_at=min(self.bucket.next_at, self.now + 1.0))

    def served(self, since: float, until: float) -> float:
        return sum(1 for at, taken in self.seen if taken and since <= at < until) / (until - since)

    def deferred(self, since: float, until: float) -> float:
        here = [taken for at, taken in self.seen if since <= at < until]
        return here.count(False) / len(here)


@pytest.mark.parametrize(
    ("allowed", "workers"), [(5, 1), (5, 2), (6, 8), (20, 1), (20, 8), (100, 2), (100, 8), (300, 8)]
)
def test_a_receiver_is_served_near_what_it_allows_and_follows_when_that_changes(allowed: int, workers: int) -> None:
    world = World(Receiver(allowed), fastest=allowed * 6, workers=workers)
    world.run(240)

    assert world.served(120, 240) >= 0.85 * allowed
    assert world.deferred(120, 240) < 0.03
    assert world.deferred(0, 240) < 0.05, "the beginning too, at six times the speed"

    world.receiver.allowed = allowed / 2
    world.run(480)
    assert world.served(360, 480) >= 0.85 * (allowed / 2 if allowed % 2 == 0 else math.ceil(allowed / 2))
    assert world.deferred(360, 480) < 0.03
    assert world.deferred(240, 480) < 0.05, "the change too"

    world.receiver.allowed = allowed
    world.run(720)
    assert world.served(600, 720) >= 0.85 * allowed
    assert world.deferred(480, 720) < 0.03


@pytest.mark.parametrize("workers", [2, 8])
def test_a_burst_of_ours_now_and_then_does_not_lower_the_rate(workers: int) -> None:
    world = World(Receiver(100), fastest=600, workers=workers, stalls=40)
    world.run(600)

    assert world.served(120, 600) >= 85


@checked(max_examples=25, deadline=None)
@given(
    allowed=st.integers(20, 200), faster=st.floats(1.5, 20), round_trip=st.floats(0.005, 0.6), workers=st.integers(1, 8)
)
def test_whatever_the_receiver_and_the_line(allowed: int, faster: float, round_trip: float, workers: int) -> None:
    world = World(Receiver(allowed), fastest=allowed * faster, round_trip=round_trip, workers=workers)
    world.run(480)

    assert world.served(120, 480) >= 0.85 * allowed
    assert world.deferred(120, 480) < 0.03


def test_where_the_limit_is_lifted_nobody_is_held_back_for_long() -> None:
    world = World(Receiver(50), fastest=400)
    world.run(120)
    world.receiver.allowed = 10_000
    world.run(480)

    assert world.rate() == 400


# The arithmetic.


@given(refused=st.floats(0.02, 10_000), age=st.floats(0, 1_000))
def test_the_rate_is_half_at_once_then_never_falls_by_itself(refused: float, age: float) -> None:
    assert adapting.rate(refused, 0) == refused / 2
    assert adapting.rate(refused, age) <= adapting.rate(refused, age + 1) * (1 + 1e-9)


def test_it_returns_to_nine_tenths_stays_and_probes_by_five_per_cent_then_by_ten() -> None:
    rates = [adapting.rate(100, age) for age in (1.9, 3, 4, 33.9, 34, 39, 44, 49)]
    assert rates == pytest.approx([50, 70, 90, 90, 94.5, 99.225, 104.186, 114.605], rel=1e-4)


@given(refused=st.floats(0.02, 10_000), limit=st.floats(0.01, 1e6) | st.just(math.inf))
def test_it_is_over_when_nothing_is_left_of_it(refused: float, limit: float) -> None:
    free = adapting.free(refused, limit)
    over = adapting.lasts(refused, free)

    assert adapting.rate(refused, over + 0.001) >= free * (1 - 1e-6)
    assert over <= 300


def test_refusals_of_what_was_in_flight_do_not_count_again() -> None:
    assert adapting.counts(math.inf, 0.1)
    assert not adapting.counts(2.5, 3.0), "sent before it"
    assert not adapting.counts(2.5, 1.0), "sent before all had heard of it"
    assert adapting.counts(2.5, 0.4)


def test_what_got_through_counts_where_the_set_rate_was_not_reached() -> None:
    assert adapting.refused_rate(100, 80) == 100
    assert adapting.refused_rate(100, 20) == 20
    assert adapting.refused_rate(math.inf, 20) == 20


def test_one_refusal_after_a_calm_does_not_lower_the_rate() -> None:
    assert adapting.refused_rate(90, 88, former=100, age=30) == 100
    assert adapting.refused_rate(90, 88, former=100, age=5) == 90, "again at once: the limit fell"
    assert adapting.refused_rate(104, 99, former=100, age=50) == 104, "a faster one was tried"
    assert adapting.refused_rate(90, 20, former=100, age=30) == 20, "hardly anything got through"


@pytest.mark.parametrize(
    ("text", "phase", "asks"),
    [
        ("421 4.7.0 Too fast, slow down", Phase.CONNECT, True),
        ("450 4.7.1 Rate limit exceeded, slow down", Phase.RCPT, True),
        ("421 4.7.28 Gmail has detected an unusual rate of mail from your DKIM domain - gsmtp", Phase.DOT, True),
        ("421 Service not available, closing transmission channel", Phase.MAIL, True),
        ("421 4.7.0 Try again later, your IP reputation is poor", Phase.MAIL, True),
        ("450 4.7.1 Greylisted, please come back", Phase.RCPT, False),
        ("451 4.3.0 Temporary failure", Phase.RCPT, False),  # this one command
        ("550 5.1.1 No such user", Phase.RCPT, False),
        ("450 4.2.1 This user is receiving mail at a rate that is too high - gsmtp", Phase.RCPT, False),
        (
            "450 4.2.1 The user you are trying to contact is receiving mail at a rate that is too high",
            Phase.RCPT,
            False,
        ),
    ],
)
def test_who_asks_us_to_slow_down(text: str, phase: Phase, asks: bool) -> None:
    code, _, words = text.partition(" ")
    reply = Reply(int(code), words, EnhancedStatus.find(words), phase)

    assert adapting.asks(reply, classify(reply)) is asks


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_sandbox_that_defers_as_it_was_told_is_no_receiver_that_wants_less(sandbox: bool) -> None:
    reply = Reply(451, "4.7.0 Temporarily rate limited, try again later", EnhancedStatus(4, 7, 0), Phase.RCPT)
    assert decide(Try(1, sandbox=sandbox), reply, 0.5).slower is not sandbox
