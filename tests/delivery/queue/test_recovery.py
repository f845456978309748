"""What a lost lease's messages become, from marks, outcomes and journal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.journal import Alive, Gone, Journal, of_dead, read
from delivery.models import MessageState
from delivery.queue.outcomes import RETURNED, Outcome, Try
from delivery.queue.recovery import Left, judge
from delivery.smtp.replies import Phase, Reply

MARKED = datetime(2026, 11, 24, tzinfo=UTC)
ONCE, AT_LEAST_ONCE = Try(7), Try(7, at_most_once=False)
ACCEPTED = Reply(250, "2.0.0 queued", None, Phase.DOT)
LATER = Reply(450, "4.2.0 greylisted", None, Phase.RCPT)
DELIVERED = Outcome(7, MessageState.DELIVERED, costs=1)

CASES = [
    # what is left                                              journal  result                   crashed, recorded anew
    (Left(ONCE, 0, None, None, None, False), True, RETURNED, 0, False),
    (Left(ONCE, 0, MARKED, DELIVERED, None, False), True, MessageState.DELIVERED, 0, False),
    (Left(ONCE, 0, MARKED, None, ACCEPTED, False), True, MessageState.DELIVERED, 0, True),
    (Left(ONCE, 0, MARKED, None, LATER, False), True, MessageState.DEFERRED, 0, True),
    (Left(ONCE, 0, MARKED, None, None, True), True, MessageState.UNCERTAIN, 0, True),
    (Left(ONCE, 0, MARKED, None, None, False), True, RETURNED, 0, True),
    (Left(ONCE, 0, MARKED, None, None, False, building=True), True, RETURNED, 1, True),
    (Left(ONCE, 2, MARKED, None, None, False, building=True), True, MessageState.HELD, 0, True),
    (Left(ONCE, 0, MARKED, None, None, False), False, MessageState.UNCERTAIN, 0, True),
    (Left(AT_LEAST_ONCE, 0, MARKED, None, None, True), True, RETURNED, 1, True),
    (Left(AT_LEAST_ONCE, 0, MARKED, None, None, False), False, RETURNED, 1, True),
    (Left(AT_LEAST_ONCE, 2, MARKED, None, None, False), False, MessageState.HELD, 0, True),
]


@pytest.mark.parametrize(("left", "journal_known", "result", "crashed", "new"), CASES)
def test_a_lost_message_gets_the_state_that_is_true(
    left: Left, journal_known: bool, result: int, crashed: int, new: bool
) -> None:
    outcome, to_record = judge(left, journal_known=journal_known, chance=0.5)

    assert (outcome.result, outcome.crashed, to_record) == (result, crashed, new)


def test_a_journal_tells_of_one_lease_what_had_its_dot_and_what_was_answered(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "host:1:2")
    journal.building(5, 1)
    journal.built()
    journal.dot(5, 1)
    journal.reply(5, 1, Reply(250, "ok\nqueued", None, Phase.DOT))
    journal.dot(5, 2)
    journal.dot(6, 3)
    journal.building(5, 4)

    entries = read(journal.path, 5)

    assert entries.dots == {2}
    assert entries.replies == {1: Reply(250, "ok\nqueued", None, Phase.DOT)}
    assert entries.building == 4
    assert read(journal.path, 6).dots == {3}


def test_only_a_dead_workers_journal_can_be_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "host:1:2")

    with pytest.raises(Alive), of_dead(tmp_path, "host:1:2"):
        pass
    journal.close()
    with pytest.raises(Gone), of_dead(tmp_path, "host:1:2"):
        pass


def test_a_line_torn_by_the_kill_is_no_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "host:1:2")
    journal.dot(5, 1)
    with journal.path.open("ab") as file:
        file.write(b"D 5 2")

    assert read(journal.path, 5).dots == {1}
