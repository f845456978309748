"""What must hold after every fault, in SQL and in the receiver's own ledger, which is the judge."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import connection

from delivery.keyring import keyring
from delivery.models import Mailing, Message, MessageState
from delivery.queue.counts import counts
from tests.servers.receiver import Receiver


@dataclass(frozen=True)
class Judgement:
    """What the ledger and the database say together."""

    accepted: int
    delivered: int
    uncertain: int
    waiting: int


def check(mailing: Mailing, receiver: Receiver) -> Judgement:
    """Raises AssertionError for anything lost, doubled or unexplained. No lease may be open."""
    _states_add_up(mailing)
    taken = Counter(keyring().parse_return_path(line.token) for line in receiver.ledger())
    assert None not in taken, "a token that is not ours"
    doubled = [message for message, times in taken.items() if times > 1]
    assert not doubled, f"sent twice: {doubled}"
    states = dict(Message.objects.filter(mailing=mailing).values_list("pk", "state"))
    delivered = {message for message, state in states.items() if state == MessageState.DELIVERED}
    uncertain = {message for message, state in states.items() if state == MessageState.UNCERTAIN}
    accepted = set(taken)
    assert delivered <= accepted, f"called delivered, never accepted: {delivered - accepted}"
    assert accepted - delivered <= uncertain, (
        f"accepted, and the database does not know: {accepted - delivered - uncertain}"
    )
    _no_waiting_message_is_forgotten(mailing)
    waiting = sum(1 for state in states.values() if state in (MessageState.QUEUED, MessageState.DEFERRED))
    return Judgement(len(accepted), len(delivered), len(uncertain), waiting)


def _states_add_up(mailing: Mailing) -> None:
    mailing.refresh_from_db()
    actual = Counter(Message.objects.filter(mailing=mailing).values_list("state", flat=True))
    assert sum(actual.values()) == mailing.expanded
    told = counts(mailing)
    assert told.will_receive == mailing.expanded
    assert min(told.waiting, told.retrying, told.on_the_way) >= 0
    told_by_state = {
        MessageState.DELIVERED: told.delivered, MessageState.FAILED: told.failed,
        MessageState.UNCERTAIN: told.unknown, MessageState.HELD: told.held, MessageState.CANCELLED: told.not_sent,
    }  # fmt: skip
    for state, number in told_by_state.items():
        assert number == actual[state], f"{state.label}: told {number}, are {actual[state]}"
    assert _number("SELECT count(*) FROM delivery_lease WHERE closed_at IS NULL") == 0
    assert _number("SELECT count(*) FROM delivery_message WHERE attempts < 0 OR attempts > 20") == 0


def _no_waiting_message_is_forgotten(mailing: Mailing) -> None:
    """Who waits is past the cursor of exactly one run, or has a deferral; not both, not neither."""
    forgotten = _number(
        "SELECT count(*) FROM delivery_message m WHERE mailing_id = %s AND state IN (0, 1) AND 1 <> ("
        " (SELECT count(*) FROM delivery_run r WHERE r.mailing_id = m.mailing_id AND m.id BETWEEN r.cursor AND r.last)"
        " + (SELECT count(*) FROM delivery_deferral f WHERE f.message_id = m.id AND f.lease_id IS NULL))",
        mailing.pk,
    )
    assert forgotten == 0, f"{forgotten} wait where nobody looks, or in two places"


def _number(sql: str, *parameters: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.fetchone()[0])
