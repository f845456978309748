"""Buckets that sell time, caps in slots: the arithmetic alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import throttle
from delivery.throttle import Bucket, Limits, Window, sell

NOW = 1_000_000.0
FIFTY = Limits(per_second=50)


def test_a_rate_sells_time_so_that_the_next_buyer_begins_where_this_one_ends() -> None:
    first, after = sell([(Bucket(), FIFTY)], 25, NOW)
    second, _ = sell([(after[0], FIFTY)], 25, NOW)

    assert (first.number, first.start, first.gap) == (25, NOW, 0.02)
    assert second.start == NOW + 0.5


def test_what_was_not_used_in_time_is_gone() -> None:
    sale, after = sell([(Bucket(next_at=NOW - 3600), FIFTY)], 25, NOW)

    assert sale.start == NOW
    assert after[0].next_at == NOW + 0.5


def test_the_narrowest_scope_holds_for_all() -> None:
    sale, after = sell([(Bucket(), FIFTY), (Bucket(next_at=NOW + 2), Limits(per_minute=60))], 3, NOW)

    assert (sale.start, sale.gap) == (NOW + 2, 1.0)
    assert after[0].next_at == pytest.approx(NOW + 2 + 3 / 50)
    assert after[1].next_at == NOW + 5


def test_a_cap_allows_what_is_left_then_names_the_second_at_which_its_oldest_slot_leaves() -> None:
    cap = Limits(per_hour=100)
    first, after = sell([(Bucket(), cap)], 80, NOW)
    second, after = sell([(after[0], cap)], 80, NOW + 600)
    third, after = sell([(after[0], cap)], 80, NOW + 660)

    assert (first.number, second.number, third.number) == (80, 20, 0)
    edge = math.floor(NOW / 60) * 60
    assert third.start == edge + 60 + 3600
    assert sell([(after[0], cap)], 80, third.start - 1)[0].number == 0
    assert sell([(after[0], cap)], 80, third.start)[0].number == 80


def test_no_limit_is_no_limit() -> None:
    sale, _ = sell([(Bucket(), Limits())], 1_000, NOW)

    assert (sale.number, sale.start, sale.gap) == (1_000, NOW, 0.0)


def test_what_was_not_sent_is_given_back() -> None:
    limits = Limits(per_second=10, per_hour=100)
    sale, after = sell([(Bucket(), limits)], 20, NOW)
    back = throttle.give_back(after[0], limits, sale, 5)

    assert back.next_at == NOW + 1.5
    assert sum(back.hour.sold) == 15


def test_time_that_was_given_back_too_late_is_gone_a_cap_is_not() -> None:
    limits = Limits(per_second=10, per_hour=100)
    first, after = sell([(Bucket(), limits)], 20, NOW)
    second, after = sell([(after[0], limits)], 10, NOW)
    back = throttle.give_back(after[0], limits, first, 20)

    assert second.start == NOW + 2
    assert back.next_at == NOW + 3
    assert sum(back.hour.sold) == 10


@pytest.mark.parametrize("rate", [5, 100, 1000])
@pytest.mark.parametrize("workers", [2, 8])
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 7), st.floats(0, 1.5), st.floats(0, throttle.SLICE), st.floats(0, 1), st.booleans()),
        min_size=5,
        max_size=60,
    )
)
def test_no_second_ever_sees_more_than_the_rate_and_one_slice(
    rate: int, workers: int, moves: list[tuple[int, float, float, float, bool]]
) -> None:
    """Workers come and go, begin up to a slice late, and give a part back at once or after others have bought."""
    limits, bucket, now = Limits(per_second=rate), Bucket(), NOW
    owed: dict[int, tuple[throttle.Sale, int]] = {}  # by worker: what it has yet to give back
    sent: list[float] = []
    for worker, wait, late, share, at_once in moves:
        now += wait / workers
        if given_back := owed.pop(worker % workers, None):
            bucket = throttle.give_back(bucket, limits, *given_back)
        sale, (bucket,) = sell([(bucket, limits)], throttle.batch(rate, 10_000), now)
        unsent = int(sale.number * share)
        sent += [sale.start + late + n * sale.gap for n in range(sale.number - unsent)]
        if at_once:
            bucket = throttle.give_back(bucket, limits, sale, unsent)
        else:
            owed[worker % workers] = sale, unsent
    sent.sort()
    most = rate + max(1, rate * throttle.SLICE) + 1
    last = 0
    for first, moment in enumerate(sent):
        while last < len(sent) and sent[last] < moment + 1 - 1e-6:
            last += 1
        assert last - first <= most


@pytest.mark.parametrize(("rate", "number"), [(math.inf, 50), (50, 25), (1, 1), (0.01, 1), (500, 50)])
def test_half_a_second_is_bought_at_once(rate: float, number: int) -> None:
    assert throttle.batch(rate, 50) == number


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(1, 40)), max_size=60))
def test_no_hour_ever_sees_more_than_its_cap(purchases: list[tuple[float, int]]) -> None:
    limits, bucket, now = Limits(per_hour=100), Bucket(), NOW
    sold: list[tuple[float, int]] = []
    for wait, wanted in purchases:
        now += wait
        sale, (bucket,) = sell([(bucket, limits)], wanted, now)
        sold.append((now, sale.number))
        assert sum(number for at, number in sold if at > now - 3600) <= 100


def test_rolling_forgets_a_window_that_is_over() -> None:
    old = Window((5, 5), NOW - 100_000)

    assert throttle.roll(old, 3600.0, NOW) == Window((0,), math.floor(NOW / 60) * 60)
