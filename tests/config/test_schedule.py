from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.celery import SCHEDULE, app
from config.schedule import Entry, Schedule


@pytest.fixture(autouse=True)
def tasks() -> None:
    app.loader.import_default_modules()


def test_every_tick_names_a_task_that_exists_and_takes_nothing() -> None:
    for entry in SCHEDULE.values():
        task = app.tasks[entry["task"]]
        assert task.run.__code__.co_argcount == 0


def test_a_campaign_s_mails_have_workers_of_their_own() -> None:
    queues = {entry["task"]: app.amqp.router.route({}, entry["task"])["queue"].name for entry in SCHEDULE.values()}
    assert [task for task, queue in queues.items() if queue == "send"] == ["delivery.tasks.send"]


@pytest.mark.django_db(transaction=True)  # the scheduler opens connections of its own
def test_the_timetable_is_what_the_code_says() -> None:
    minute = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.create(name="of an older release", task="gone", interval=minute)
    Schedule(app=app)
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == set(SCHEDULE)
    assert not PeriodicTask.objects.filter(expire_seconds=None).exists()


class Noted(Schedule):
    """Notes what is due instead of asking a broker."""

    def apply_entry(self, entry: Entry, producer: object = None) -> None:
        self.noted.append(entry.name)

    def all_due(self) -> set[str]:
        self.noted: list[str] = []
        while self.tick() == 0:
            pass
        return set(self.noted)


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_is_put_back_stops_nothing() -> None:
    now = timezone.now()
    ahead, often = dt.timedelta(hours=1), {name for name, entry in SCHEDULE.items() if entry["schedule"] <= 5}
    with time_machine.travel(now + ahead, tick=False):
        beat = Noted(app=app)
    with time_machine.travel(now + ahead + dt.timedelta(seconds=10), tick=False):
        assert often <= beat.all_due()
        beat.sync()
    with time_machine.travel(now, tick=False):
        beat.all_due()
        again = Noted(app=app)
        again.all_due()
    with time_machine.travel(now + dt.timedelta(seconds=10), tick=False):
        assert often <= beat.all_due()
        assert often <= again.all_due()
    for one in (beat, again):
        one.sync()  # else they would when Python ends


@pytest.mark.django_db
def test_sessions_that_are_over_are_forgotten() -> None:
    for key, hours in (("over", -1), ("lives", 1)):
        ends = timezone.now() + dt.timedelta(hours=hours)
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    app.tasks[SCHEDULE["forget sessions that are over"]["task"]].run()
    assert [one.session_key for one in Session.objects.all()] == ["lives"]
