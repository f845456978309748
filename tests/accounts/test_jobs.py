from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from accounts import jobs
from accounts.jobs import Kind
from accounts.models import AuditEntry, Job, Membership, User, Workspace
from accounts.progress import Estimate, add_sample, estimate
from accounts.roles import Can, Role
from accounts.templatetags.accounts import time_left

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(workspace: Workspace) -> Job:
    return jobs.create(workspace, "test", params={"file": "a.csv"}, total=100)


def test_a_job_runs_in_slices_and_ends(job: Job) -> None:
    first = jobs.take(job.pk)
    assert first and first.state == Job.State.RUNNING and first.started_at
    assert jobs.heartbeat(first, done=40)
    assert jobs.release(first, done=50, params={"file": "a.csv", "row": 50})
    second = jobs.take(job.pk)
    assert second and (second.done, second.params["row"], second.started_at) == (50, 50, first.started_at)
    assert jobs.finish(second, result={"added": 100})
    job.refresh_from_db()
    assert (job.state, job.result, job.over, job.heartbeat_at) == (Job.State.DONE, {"added": 100}, True, None)
    assert jobs.take(job.pk) is None


def test_two_workers_do_not_hold_one_job(job: Job) -> None:
    assert jobs.take(job.pk)
    assert jobs.take(job.pk) is None
    assert jobs.due("test") == []


def test_a_job_whose_worker_was_killed_goes_on_elsewhere_and_the_dead_one_writes_no_more(job: Job) -> None:
    now = timezone.now()
    dead = jobs.take(job.pk, now)
    assert dead and jobs.heartbeat(dead, done=10, now=now)
    later = now + jobs.STALE + dt.timedelta(seconds=1)
    assert jobs.due("test", later) == [job.pk]
    heir = jobs.take(job.pk, later)
    assert heir and heir.done == 10
    assert not jobs.heartbeat(dead, done=99) and not jobs.finish(dead) and not jobs.fail(dead, "late")
    assert jobs.heartbeat(heir, done=20)


def test_a_cancelled_job_stops_at_its_next_heartbeat(job: Job) -> None:
    held = jobs.take(job.pk)
    assert held and jobs.cancel(job)
    assert not jobs.heartbeat(held, done=50)
    assert not jobs.cancel(job)
    job.refresh_from_db()
    assert (job.state, job.done) == (Job.State.CANCELLED, 0)


def test_a_failed_job_keeps_its_words(job: Job) -> None:
    held = jobs.take(job.pk)
    assert held and jobs.fail(held, "Row 3 has no address.")
    job.refresh_from_db()
    assert (job.state, job.error) == (Job.State.FAILED, "Row 3 has no address.")


def test_a_job_that_is_gone_is_not_taken() -> None:
    assert jobs.take(12345) is None


@pytest.mark.parametrize(
    ("samples", "left", "low", "high"),
    [
        ([], 100, None, None),
        ([[0, 0]], 100, None, None),
        ([[0, 0], [29, 290]], 100, None, None),  # too early to say
        ([[0, 0], [60, 0]], 100, None, None),  # nothing moves
        ([[0, 0], [60, 600]], 600, 50, 75),  # 10 a second, ± a fifth
        ([[0, 0], [60, 600], [120, 900]], 600, 60, 120),  # slowing down: the range says so
        ([[0, 9000], [1000, 9000], [1060, 9600]], 600, 50, 75),  # what is older than five minutes does not count
    ],
)
def test_time_left_is_a_range(samples: list[list[float]], left: int, low: float | None, high: float | None) -> None:
    now = samples[-1][0] if samples else 0
    found = estimate(samples, left=left, now=now)
    assert (found and round(found.low), found and round(found.high)) == (low, high)


def test_few_samples_are_kept() -> None:
    samples: list[list[float]] = []
    for second in range(2000):
        samples = add_sample(samples, second * 10, now=second)
    assert len(samples) <= 32 and samples[-1] == [1999, 19990]
    found = estimate(samples, left=100, now=1999)
    assert found and found.rate == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(
    ("low", "high", "english", "japanese"),
    [
        (50, 70, "about 50–70 seconds left", "残り約50〜70秒"),
        (0, 0.4, "about 1 second left", "残り約1秒"),
        (100, 200, "about 1–4 minutes left", "残り約1〜4分"),
        (7000, 9000, "about 1–3 hours left", "残り約1〜3時間"),
    ],
)
def test_time_left_in_words(low: float, high: float, english: str, japanese: str) -> None:
    assert time_left(Estimate(10, low, high)) == english
    with override("ja"):
        assert time_left(Estimate(10, low, high)) == japanese


def test_the_bar_asks_again_until_the_job_is_over(admin_client: Client, job: Job) -> None:
    jobs.register("test", Kind(title=lambda job: f"Importing {job.params['file']}", url=lambda job: "/done"))
    held = jobs.take(job.pk)
    assert held
    jobs.heartbeat(held, done=61)
    running = admin_client.get(f"/jobs/{job.pk}", HTTP_HX_REQUEST="true").content.decode()
    assert f'data-poll="/jobs/{job.pk}"' in running and "Importing a.csv" in running and "61 of 100" in running
    jobs.finish(held)
    over = admin_client.get(f"/jobs/{job.pk}", HTTP_HX_REQUEST="true").content.decode()
    assert "data-poll" not in over and 'href="/done"' in over


def test_whoever_may_do_the_work_may_cancel_it(admin_client: Client, admin: User, job: Job) -> None:
    jobs.register("test", Kind(title=lambda job: "Test", cancel=Can.WRITE_CONTACTS))
    Membership.objects.filter(user=admin).update(role=Role.VIEWER)
    assert admin_client.post(f"/jobs/{job.pk}/cancel").status_code == 403
    assert "Cancel this job" not in admin_client.get(f"/jobs/{job.pk}").content.decode()
    Membership.objects.filter(user=admin).update(role=Role.AUTHOR)
    assert admin_client.post(f"/jobs/{job.pk}/cancel").status_code == 302
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert AuditEntry.objects.get(action="job.cancelled").actor == admin
