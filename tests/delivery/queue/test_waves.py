"""The safety wave: never more than the first few are marked before it goes on, whoever works on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import mailings, routes
from delivery.models import Attempt, Domain, Lease, Mailing, Message, MessageState, Route, Run, Site, Watch
from delivery.queue import ticks, waves
from delivery.queue.counts import counts
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

SIZE, PEOPLE = 120, 900


def waving(receiver: Receiver, *, wait: timedelta = timedelta(hours=1), people: int = PEOPLE) -> Mailing:
    here = world.make(receiver)
    here.people(f"p{n}@example-{n % 3}.net" for n in range(people))
    mailing = here.mailing(wave_size=SIZE, wave_wait=wait)
    ticks.advance()
    mailing.refresh_from_db()
    return mailing


def marked() -> int:
    marks = Attempt.objects.filter(ids__isnull=False).values_list("ids", flat=True)
    return sum(len(ids) for ids in marks if ids)


def waits(mailing: Mailing) -> Callable[[], bool]:
    def check() -> bool:
        mailing.refresh_from_db()
        return mailing.wave_until is not None and not Lease.objects.filter(closed_at=None).exists()

    return check


@pytest.mark.django_db(transaction=False)
@given(st.integers(0, 5_000), st.lists(st.integers(1, 100_000), min_size=1, max_size=40))
def test_the_shares_are_exact_and_nobody_has_more_than_there_are(size: int, people: list[int]) -> None:
    size = min(size, sum(people))
    found = waves.shares(size, people)
    assert sum(found) == size
    assert all(0 <= share <= number for share, number in zip(found, people, strict=True))
    assert all(abs(share - size * number / sum(people)) < 1 for share, number in zip(found, people, strict=True))


def test_two_workers_mark_exactly_the_wave_and_then_wait(
    smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    mailing = waving(smtp_server)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            other_thread.work(0.3)

    other = threading.Thread(target=work)
    other.start()
    try:
        world.run(send_thread, waits(mailing))
        send_thread.work(1.0)
        ticks.advance()
    finally:
        over.set()
        other.join()
    assert marked() == len(smtp_server.ledger()) == counts(mailing).delivered == SIZE
    assert mailing.in_wave and counts(mailing).waiting == PEOPLE - SIZE

    assert mailings.go_on(mailing) and not mailings.go_on(mailing)
    world.run(send_thread, world.ended(mailing))
    assert marked() == len(smtp_server.ledger()) == PEOPLE


def test_it_goes_on_by_itself_after_the_wait(smtp_server: Receiver, send_thread: SendThread, settings: Any) -> None:
    settings.TIME_SCALE = 0.001
    mailing = waving(smtp_server, wait=timedelta(minutes=30))
    world.run(send_thread, world.ended(mailing), seconds=60)
    mailing.refresh_from_db()
    taken = [one.time for one in smtp_server.ledger()]
    assert len(taken) == PEOPLE and mailing.wave_over_at and mailing.wave_until
    assert taken[SIZE] - taken[SIZE - 1] > 1.5, "1.8 seconds of the scaled clock lie between the wave and the others"


def test_a_spike_in_the_wave_holds_everybody_else_for_a_person(smtp_server: Receiver, send_thread: SendThread) -> None:
    smtp_server.answer(rcpt={r"p\d*[036]": "550 5.1.1 no such user"})
    mailing = waving(smtp_server, wait=timedelta(0))
    world.run(send_thread, lambda: Mailing.objects.get().state == Mailing.State.PAUSED)
    send_thread.work(0.5)
    mailing.refresh_from_db()
    assert mailing.pause_reason == "many_unknown_users" and mailing.in_wave
    assert marked() == SIZE and counts(mailing).waiting == PEOPLE - SIZE

    smtp_server.answer(rcpt={})
    assert mailings.go_on(mailing)
    world.run(send_thread, world.ended(mailing))
    assert marked() == PEOPLE and not Watch.objects.filter(unknown_users__gt=0).exists()


def test_tries_again_are_the_waves_own(smtp_server: Receiver, send_thread: SendThread, settings: Any) -> None:
    settings.TIME_SCALE = 0.001
    smtp_server.answer(rcpt={r"p\d*[05]": ["451 4.3.0 later"]})
    mailing = waving(smtp_server, wait=timedelta(days=1))
    world.run(send_thread, lambda: counts(mailing).delivered == SIZE)
    assert waits(mailing)()
    assert {m.pk for m in Message.objects.filter(attempts__gt=0)} == {m.pk for m in Message.objects.filter(state=2)}
    assert Message.objects.filter(attempts__gt=0).count() == SIZE < marked()


def test_each_site_has_its_share_and_a_small_audience_has_no_wave(smtp_server: Receiver) -> None:
    here = world.make(smtp_server)
    for name, number in (("gmail.example", 600), ("yahoo.example", 300), ("small.example", 100)):
        Domain.objects.create(name=name, site=Site.objects.create(key=name))
        here.people(f"{name}-{n}@{name}" for n in range(number))
    here.route.kind = "direct"
    here.route.save()
    mailing = here.mailing(wave_size=SIZE)
    ticks.advance()
    first = Run.objects.filter(mailing=mailing, held=False)
    assert sorted(run.last - run.first + 1 for run in first) == [12, 36, 72]

    small = here.mailing(wave_size=5_000)
    ticks.advance()
    small.refresh_from_db()
    assert small.wave_over_at and not small.in_wave and not Run.objects.filter(mailing=small, held=True).exists()


@pytest.mark.parametrize("what", ["provider", "route"])
def test_who_waits_for_something_paused_holds_nobody_else_back(what: str) -> None:
    here = world.make()
    Route.objects.update(kind=Route.Kind.DIRECT, host="")
    for name in ("gmail.example", "yahoo.example"):
        Domain.objects.create(name=name, site=Site.objects.create(key=name))
        here.people(f"{name}-{n}@{name}" for n in range(300))
    mailing = here.mailing(wave_size=SIZE)
    ticks.advance()
    ours, theirs = (Run.objects.get(held=False, site__key=name) for name in ("gmail.example", "yahoo.example"))
    assert ours.last - ours.first + 1 == theirs.last - theirs.first + 1 == SIZE // 2
    if what == "provider":
        routes.pause_provider(here.route, "yahoo.example", actor=None)
    mailing.refresh_from_db()
    assert waves.kept(mailing) == (SIZE // 2 if what == "provider" else 0)

    def answered(number: int) -> bool:
        outcomes = [Outcome(one, MessageState.DELIVERED) for one in range(ours.cursor, ours.cursor + number)]
        settle(outcomes, mailing=mailing.pk, lane=ours.lane, site=ours.site_id)
        Run.objects.filter(pk=ours.pk).update(cursor=ours.cursor + number)
        ours.refresh_from_db()
        waves.advance()
        mailing.refresh_from_db()
        return mailing.wave_until is not None

    assert not answered(53)
    if what == "route":
        routes.pause(here.route, actor=None)
        assert waves.kept(mailing) == 67
        assert answered(0), "those that nobody can be asked of are not waited for"
    else:
        assert answered(1), "nine tenths of those who can be tried"
    assert waves.kept(mailing) == 0
