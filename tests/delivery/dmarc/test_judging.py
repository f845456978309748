"""What to do next, from sources and policy."""

from __future__ import annotations

import pytest

from delivery.dmarc.judging import Advice, Source, Who, advise, who
from delivery.dmarc.tallying import Tally

GOOD, BAD, HALF = Tally(10, 10, 10, 10), Tally(10), Tally(10, 5, 5, 0)
OURS, THEIRS, PARTLY = (
    Source("a", Who.OURS, GOOD), Source("b", Who.UNKNOWN, BAD), Source("c", Who.MIXED, HALF),
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "tally", "expected"),
    [
        ("192.0.2.1", BAD, Who.OURS),
        ("192.0.2.2", BAD, Who.UNKNOWN),
        ("192.0.2.2", HALF, Who.MIXED),
        ("192.0.2.2", Tally(10, 10, 0, 10), Who.SIGNED),
        ("192.0.2.2", Tally(10, 10, 10, 0), Who.ALLOWED),
        ("", GOOD, Who.REST),
    ],
)
def test_whose_a_source_is(address: str, tally: Tally, expected: Who) -> None:
    assert who(address, tally, ["192.0.2.1"]) is expected


@pytest.mark.parametrize(
    ("sources", "policy", "days", "expected"),
    [
        ([], "none", 30, []),
        ([OURS], "none", 13, [Advice.WAIT]),
        ([OURS], "none", 14, [Advice.QUARANTINE]),
        ([OURS], "quarantine", 14, [Advice.REJECT]),
        ([OURS], "reject", 14, [Advice.DONE]),
        ([OURS, THEIRS], "none", 30, [Advice.FORGED, Advice.QUARANTINE]),
        ([OURS, THEIRS], "reject", 30, [Advice.KEPT_OUT, Advice.DONE]),
        ([OURS, PARTLY], "none", 30, [Advice.FORGED]),
        ([THEIRS], "none", 30, [Advice.FORGED]),
        ([Source("a", Who.OURS, HALF)], "reject", 30, [Advice.OWN_FAIL]),
    ],
)
def test_what_to_do_next(sources: list[Source], policy: str, days: int, expected: list[Advice]) -> None:
    assert advise(sources, policy=policy, days=days) == expected
