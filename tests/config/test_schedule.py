from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.celery import SCHEDULE, app
from config.schedule import Schedule


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


@pytest.mark.django_db
def test_sessions_that_are_over_are_forgotten() -> None:
    for key, hours in (("over", -1), ("lives", 1)):
        ends = timezone.now() + dt.timedelta(hours=hours)
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    app.tasks[SCHEDULE["forget sessions that are over"]["task"]].run()
    assert [one.session_key for one in Session.objects.all()] == ["lives"]
