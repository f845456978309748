"""What must hold after every fault, in SQL and in the receiver's own ledger, which is the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.keyring import keyring
from delivery.models import Mailing, Message, MessageState
from delivery.queue.counts import counts
from tests.faults.workers import number
from tests.servers.receiver import Acceptance

EXPLAINED = {MessageState.FAILED, MessageState.UNCERTAIN, MessageState.HELD, MessageState.CANCELLED}
WAITING = {MessageState.QUEUED, MessageState.DEFERRED}


@dataclass(frozen=True)
class Judgement:
    """What the ledger and the database say together, in people; `duplicated` is how often too many."""

    accepted: int
    duplicated: int
    lost: int  # neither in the ledger nor in a state that says why not; once nobody waits any more
    delivered: int
    uncertain: int
    waiting: int


def judge(mailing: Mailing, ledger: Sequence[Acceptance], people: int) -> Judgement:
    """`people` should have become messages; `ledger` is that of all receivers."""
    taken = _taken(ledger)
    states = _states(mailing)
    waiting = _of(states, *WAITING)
    explained = set(taken) | _of(states, *EXPLAINED) | waiting
    return Judgement(
        accepted=len(taken),
        duplicated=sum(taken.values()) - len(taken),
        lost=people - len(explained),
        delivered=len(_of(states, MessageState.DELIVERED)),
        uncertain=len(_of(states, MessageState.UNCERTAIN)),
        waiting=len(waiting),
    )


def check(mailing: Mailing, ledger: Sequence[Acceptance]) -> None:
    """Raises AssertionError for anything lost, doubled or unexplained. No lease may be open."""
    _states_add_up(mailing)
    taken = _taken(ledger)
    assert None not in taken, "a token that is not ours"
    doubled = [message for message, times in taken.items() if times > 1]
    assert not doubled, f"sent twice: {doubled}"
    states = _states(mailing)
    delivered, uncertain = _of(states, MessageState.DELIVERED), _of(states, MessageState.UNCERTAIN)
    accepted = set(taken)
    assert delivered <= accepted, f"called delivered, never accepted: {delivered - accepted}"
    assert accepted - delivered <= uncertain, (
        f"accepted, and the database does not know: {accepted - delivered - uncertain}"
    )
    _log_tells_it_once(mailing)
    _no_waiting_message_is_forgotten(mailing)


def _taken(ledger: Sequence[Acceptance]) -> Counter[int | None]:
    return Counter(keyring().parse_return_path(line.token) for line in ledger)


def _states(mailing: Mailing) -> dict[int, int]:
    return dict(Message.objects.filter(mailing=mailing).values_list("pk", "state"))


def _of(states: dict[int, int], *wanted: MessageState) -> set[int]:
    return {message for message, state in states.items() if state in wanted}


def _states_add_up(mailing: Mailing) -> None:
    mailing.refresh_from_db()
    actual = Counter(_states(mailing).values())
    assert sum(actual.values()) == mailing.expanded, f"{mailing.expanded} expanded, {sum(actual.values())} are there"
    told = counts(mailing)
    assert told.will_receive == mailing.expanded, f"{mailing.expanded} expanded, told {told}"
    assert min(told.waiting, told.retrying, told.on_the_way) >= 0, f"told {told}"
    told_by_state = {
        MessageState.DELIVERED: told.delivered, MessageState.FAILED: told.failed,
        MessageState.UNCERTAIN: told.unknown, MessageState.HELD: told.held, MessageState.CANCELLED: told.not_sent,
    }  # fmt: skip
    for state, people in told_by_state.items():
        assert people == actual[state], f"{state.label}: told {people}, are {actual[state]}"
    assert number("SELECT count(*) FROM delivery_lease WHERE closed_at IS NULL") == 0, "a lease is open"
    assert number("SELECT count(*) FROM delivery_message WHERE attempts < 0 OR attempts > 20") == 0, "attempts"


def _log_tells_it_once(mailing: Mailing) -> None:
    """Reports are folded from the log: a delivery that stands there twice would be counted twice."""
    twice = number(
        "SELECT count(*) FROM (SELECT message_id FROM delivery_attempt WHERE mailing_id = %s AND result = 2"
        " GROUP BY message_id HAVING count(*) > 1) AS twice",
        mailing.pk,
    )
    assert twice == 0, f"{twice} deliveries stand in the log twice"


def _no_waiting_message_is_forgotten(mailing: Mailing) -> None:
    """Who waits is past the cursor of exactly one run, or has a deferral; not both, not neither."""
    forgotten = number(
        "SELECT count(*) FROM delivery_message m WHERE mailing_id = %s AND state IN (0, 1) AND 1 <> ("
        " (SELECT count(*) FROM delivery_run r WHERE r.mailing_id = m.mailing_id AND m.id BETWEEN r.cursor AND r.last)"
        " + (SELECT count(*) FROM delivery_deferral f WHERE f.message_id = m.id AND f.lease_id IS NULL))",
        mailing.pk,
    )
    assert forgotten == 0, f"{forgotten} wait where nobody looks, or in two places"
