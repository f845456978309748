"""A backup is put back: campaigns wait for a person, whatever their state."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from analytics.words import pause_words
from delivery import mailings, newest_mark, restored
from delivery.models import Attempt, Mailing
from delivery.newest_mark import NewestMark
from delivery.queue import ticks
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
State = Mailing.State


def test_a_database_that_has_lost_a_mark_sends_nothing_until_a_person_resumes(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    here = world.make(smtp_server)
    here.people(["first@example.net"])
    first = here.mailing()
    world.run(send_thread, world.ended(first))
    send_thread.close()
    here.people(["second@example.net"])
    hour = timedelta(hours=1)
    later, waiting = here.mailing(), here.mailing(start_at=timezone.now() - hour)
    future = here.mailing(start_at=timezone.now() + hour)
    Attempt.objects.all().delete()  # as in a backup from before the first campaign
    for _ in range(3):
        send_thread.work(0.2)
        ticks.advance()

    later.refresh_from_db()
    waiting.refresh_from_db()
    future.refresh_from_db()
    assert [later.state, waiting.state, future.state] == [State.PAUSED, State.PAUSED, State.WAITING]
    assert [later.pause_reason, waiting.pause_reason, future.pause_reason] == [restored.CAUSE, restored.CAUSE, ""]
    assert "a backup was put back. Part of this campaign may have gone out" in pause_words(later)
    assert len(smtp_server.ledger()) == 1

    mailings.resume(later)
    world.run(send_thread, world.ended(later))
    waiting.refresh_from_db()
    assert (len(smtp_server.ledger()), waiting.state) == (3, State.PAUSED)


def test_of_each_state_what_could_send_twice_pauses() -> None:
    here = world.make()
    states = [State.EXPANDING, State.SENDING, State.PAUSED, State.FINISHED, State.STOPPED]
    made = [here.mailing().pk for _ in states]
    for state, key in zip(states, made, strict=True):
        Mailing.objects.filter(pk=key).update(state=state, pause_reason="manual" if state == State.PAUSED else "")

    assert restored.pause_campaigns() == 3

    told = Mailing.objects.filter(pk__in=made).order_by("pk").values_list("state", "pause_reason")
    assert list(told) == [
        (State.EXPANDING, restored.CAUSE),  # and pauses when it is prepared
        (State.PAUSED, restored.CAUSE),
        (State.PAUSED, restored.CAUSE),
        (State.FINISHED, ""),
        (State.STOPPED, ""),
    ]


def test_the_kept_mark_is_the_last_one_written_and_a_torn_or_emptied_line_is_none(tmp_path: Path) -> None:
    assert newest_mark.kept(tmp_path) is None
    first, second = NewestMark(tmp_path), NewestMark(tmp_path)
    first.keep(1_000_000, 7)
    second.keep(8, 9)
    found = newest_mark.kept(tmp_path)
    assert found is not None
    assert (found.lease, found.message) == (8, 9)
    newest_mark.forget(tmp_path)
    assert newest_mark.kept(tmp_path) is None
    first.keep(3, 4)
    assert newest_mark.kept(tmp_path) is not None
    (tmp_path / newest_mark.NAME).write_text("12 1")
    assert newest_mark.kept(tmp_path) is None
    first.close()
    second.close()


def test_marks_beyond_retention_and_known_ones_alarm_nobody(tmp_path: Path) -> None:
    mark = NewestMark(tmp_path)
    mark.keep(5, 6)
    mark.close()
    old = timezone.now().timestamp() - settings.RETENTION_MONTHS * 31 * 86_400
    os.utime(tmp_path / newest_mark.NAME, (old, old))
    assert not restored.look(tmp_path)
    os.utime(tmp_path / newest_mark.NAME)
    assert restored.look(tmp_path)
    assert not restored.look(tmp_path)
