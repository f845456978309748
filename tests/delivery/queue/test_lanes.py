"""How a mailing is cut, and how many are marked at once."""

from __future__ import annotations

import pytest

from delivery.queue.lanes import ALL, MIXED, Lane, one_lane, plan
from delivery.sender.pace import MOST, Pace


def test_a_site_of_its_own_people_has_a_lane_small_ones_are_pooled() -> None:
    assert plan({1: 900, 2: 199, 3: 200, None: 40}, one_lane=False) == [
        Lane("site:1", 1, 900),
        Lane("site:3", 3, 200),
        Lane(MIXED, None, 239),
    ]


def test_a_smarthost_takes_everybody_in_one_lane() -> None:
    assert plan({1: 900, None: 40}, one_lane=True) == [Lane(ALL, None, 940)]
    assert one_lane(["smarthost", "sandbox"])
    assert not one_lane(["smarthost", "direct"])


def test_a_fast_lane_marks_many_a_slow_one_few() -> None:
    fast, slow = Pace(20), Pace(20)
    for _ in range(20):
        fast.answered(1000, 0.2)
        fast.gated(0.008)
        slow.answered(1, 1.0)
        slow.gated(0.008)

    assert fast.size() == MOST
    assert slow.size() == 20


@pytest.mark.parametrize(("connections", "round_trip"), [(10, 0.1), (50, 0.1), (50, 0.02), (100, 1.0)])
def test_all_connections_to_a_receiver_far_away_find_work(connections: int, round_trip: float) -> None:
    """One message a connection and round trip; what is marked and unanswered bounds how many are under way."""
    pace, lease = Pace(2 * connections), 4  # batches: one on the wire and one marked, of two leases
    for _ in range(50):
        under_way = min(connections, lease * pace.size())
        pace.answered(round(under_way / 2), round_trip)  # a lease sees half of it
        pace.gated(0.005)

    assert lease * pace.size() >= 2 * connections
