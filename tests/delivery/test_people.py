"""The people behind a figure: each once, whatever way the queue went."""

from __future__ import annotations

import pytest

from delivery.models import Mailing, MessageState
from delivery.people import people
from delivery.queue import ending, leasing, ticks
from delivery.queue.counts import counts
from delivery.queue.leasing import Claim, Worker
from delivery.queue.outcomes import Outcome, returned
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)


def lease() -> Claim:
    found = leasing.take(Worker("host:1:1", "host"))
    assert found is not None
    return found


def listed(mailing: Mailing, outcome: str) -> list[int | None]:
    """Page after page, as a reader turns them."""
    ids: list[int | None] = []
    after: int | None = 0
    while after is not None:
        page = people(mailing, outcome, after=after, limit=7)
        ids += [person.message for person in page.people]
        after = page.after
    return ids


def test_nobody_is_listed_twice_or_missed_after_work_was_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "UNLIMITED", 10)
    here = world.make()
    here.people(f"p{n}@example.net" for n in range(40))
    mailing = here.mailing()
    ticks.advance()

    first, second = lease(), lease()
    ending.end(first, [], unasked=first.ids)  # its run has gone on: these ids get a run of their own
    ending.end(second, [returned(message, 60.0) for message in second.ids])
    for claim in (lease(), lease()):
        ending.end(claim, [Outcome(message, MessageState.DELIVERED, costs=1) for message in claim.ids])

    told = counts(mailing)
    delivered, waiting = listed(mailing, "delivered"), listed(mailing, "waiting")
    assert len(delivered) == len(set(delivered)) == told.delivered == 20
    assert len(waiting) == len(set(waiting)) == told.waiting == 20
