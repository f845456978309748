"""The roll-ups against the logs: nothing missed, nothing counted twice, whatever commits late."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from django.db import connection

from analytics import folding
from analytics.models import Fold, MailingDeed, MailingLink, MailingMinute, MailingOutcome
from delivery import events, mailings
from delivery.models import Domain, Event, Mailing, Message, MessageException, MessageState, Site
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db(transaction=True)
CODES = {
    1: (451, "4.7.1", "greylisted"),
    2: (250, "2.0.0", None),
    3: (550, "5.1.1", "no_such_user"),
    4: (None, None, "timeout"),
    5: (None, None, "crashed"),
    101: (550, "5.1.1", "no_such_user"),
}


class Logs:
    """A mailing whose log is written by hand."""

    def __init__(self) -> None:
        self.world = world.make()
        self.mailing: Mailing = self.world.mailing()
        site = Site.objects.create(key="gmail", provider="gmail")
        self.domain = Domain.objects.create(name="gmail.com", site=site)

    def message(self, address: str) -> Message:
        (contact,) = self.world.people([address])
        return Message.objects.create(mailing=self.mailing, contact=contact, rcpt=address, domain=self.domain)

    def outcome(
        self, message: Message, result: int, *, ago: float = 0.0, took_ms: int | None = None, site: int | None = None
    ) -> None:
        """`ago` in seconds."""
        code, status, cause = CODES[result]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO delivery_attempt (lease_id, message_id, mailing_id, result, code, status, cause, took_ms,"
                " site_id, at) VALUES (0, %s, %s, %s, %s, %s, %s, %s, %s, now() - %s * interval '1 second')",
                [message.pk, self.mailing.pk, result, code, status, cause, took_ms, site, ago],
            )

    def event(self, message: Message, kind: Event.Kind, *, machine: str | None = None, link: int | None = None) -> None:
        events.append(
            kind,
            workspace_id=self.world.workspace.pk,
            mailing_id=self.mailing.pk,
            message_id=message.pk,
            machine=machine,
            link=link,
        )


@pytest.fixture
def logs() -> Logs:
    return Logs()


def fold(name: str = folding.NAME) -> None:
    """Everything up to now. Another session on the same server may hold its transaction for a moment."""
    now = int(world.rows("SELECT pg_current_xact_id()::text::bigint")[0][0])
    deadline = time.monotonic() + 30
    while folding.fold(name) or Fold.objects.get(name=name).tx <= now:
        assert time.monotonic() < deadline


def outcomes() -> dict[tuple[str, str, str], int]:
    return {(row.provider, row.outcome, row.cause): row.n for row in MailingOutcome.objects.filter(n__gt=0)}


def deeds() -> dict[str, int]:
    return {row.deed: row.n for row in MailingDeed.objects.filter(n__gt=0)}


def test_a_person_stands_in_one_place_at_a_time(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    logs.outcome(message, 1)
    fold()
    assert outcomes() == {("gmail", "retrying", "greylisted"): 1}
    logs.outcome(message, 2)
    fold()
    assert outcomes() == {("gmail", "delivered", ""): 1}


def test_whoever_waits_again_stands_nowhere_until_the_next_outcome(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    Message.objects.filter(pk=message.pk).update(state=MessageState.HELD)
    MessageException.objects.create(message=message, mailing=logs.mailing, state=MessageState.HELD, cause="crashed")
    logs.outcome(message, 5)
    fold()
    assert outcomes() == {("gmail", "held", "crashed"): 1}

    assert mailings.release_held(logs.mailing) == 1
    fold()
    assert outcomes() == {}
    logs.outcome(message, 2)
    fold()
    assert outcomes() == {("gmail", "delivered", ""): 1}


def test_two_outcomes_in_one_fold_count_as_the_last(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    logs.outcome(message, 1)
    logs.outcome(message, 3)
    fold()
    assert outcomes() == {("gmail", "failed", "no_such_user"): 1}
    assert Counter(MailingMinute.objects.values_list("outcome", flat=True)) == {"retrying": 1, "failed": 1}


def test_folding_again_changes_nothing(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    logs.outcome(message, 2)
    logs.event(message, Event.Kind.OPEN)
    for _ in range(3):
        fold()
    assert (outcomes(), deeds()) == ({("gmail", "delivered", ""): 1}, {"opened": 1})


def test_a_proxy_open_becomes_a_persons_with_the_click(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    logs.event(message, Event.Kind.OPEN, machine="apple_proxy")
    fold()
    assert deeds() == {"machine_opened": 1}
    logs.event(message, Event.Kind.CLICK, link=0)
    logs.event(message, Event.Kind.CLICK, link=0)
    fold()
    assert deeds() == {"opened": 1, "clicked": 1}
    link = MailingLink.objects.get()
    assert (link.people, link.clicks) == (1, 2)


def test_what_commits_late_is_counted_later_and_once(logs: Logs) -> None:
    """A slow transaction began first: the fold waits before it, whatever commits meanwhile."""
    early, late = logs.message("a@gmail.com"), logs.message("b@gmail.com")
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        from django.db import transaction

        with transaction.atomic():
            logs.outcome(late, 2)
            written.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(10)
    logs.outcome(early, 2)
    while folding.fold():
        pass
    assert outcomes() == {}
    may_commit.set()
    thread.join()
    fold()
    assert outcomes() == {("gmail", "delivered", ""): 2}


def test_the_cursor_never_goes_back(logs: Logs) -> None:
    fold()
    before = Fold.objects.get().tx
    logs.outcome(logs.message("a@gmail.com"), 2)
    fold()
    assert Fold.objects.get().tx > before
