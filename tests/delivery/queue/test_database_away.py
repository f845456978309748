"""The database goes away while a mailing is under way: workers wait, and what was answered meanwhile is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from delivery.models import Attempt, MessageState
from delivery.queue import ending
from delivery.queue.counts import counts
from delivery.sender import known_places
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lease_whose_connections_to_the_database_break_ends_in_order(
    smtp_server: Receiver, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_places, "FRESH_SECONDS", 0.0)  # so that every batch asks the database for its route
    smtp_server.answer(dot={"*": "WAIT 0.02"})
    here = world.make(smtp_server)
    here.people(f"p{n}@example.net" for n in range(300))
    mailing = here.mailing()
    for wanted in (20, 80, 140):
        world.run(send_thread, lambda wanted=wanted: len(smtp_server.ledger()) >= wanted)  # type: ignore[misc]
        world.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    world.run(send_thread, world.ended(mailing), seconds=40)

    told = counts(mailing)
    assert (told.delivered, told.unknown, told.failed) == (300, 0, 0)
    assert len(smtp_server.ledger()) == 300


def test_an_end_that_was_committed_and_not_answered_is_written_once(
    smtp_server: Receiver, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp_server.answer(rcpt={"later": ["451 4.3.0 Temporary failure"]})
    here = world.make(smtp_server)
    here.people(["fine@example.net", "later@example.net"])
    mailing = here.mailing()
    end, ends = ending.end, []

    def end_and_lose_the_first_answer(*parts: Any, **named: Any) -> bool:
        ends.append(end(*parts, **named))
        if len(ends) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return bool(ends[-1])

    monkeypatch.setattr(ending, "end", end_and_lose_the_first_answer)
    world.run(send_thread, lambda: len(ends) == 2)

    outcomes = Attempt.objects.filter(mailing_id=mailing.pk, ids=None)
    assert sorted(outcomes.values_list("result", flat=True)) == [MessageState.DEFERRED, MessageState.DELIVERED]
    assert set(mailing.messages.values_list("attempts", flat=True)) == {1}
