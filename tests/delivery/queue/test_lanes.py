"""How a mailing is cut, and how many are marked at once."""

from __future__ import annotations

from delivery.queue.lanes import ALL, MIXED, Lane, one_lane, plan
from delivery.sender.pace import LEAST, MOST, Pace


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
    fast, slow = Pace(), Pace()
    for _ in range(20):
        fast.answered(1000, 0.2)
        fast.gated(0.008)
        slow.answered(1, 1.0)
        slow.gated(0.008)

    assert fast.size() == MOST
    assert slow.size() == LEAST
