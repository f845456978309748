"""Background jobs: work that outlives a page.

A task of slices does: `job = take(pk)`; None means that it is over or that another worker has it. Then it works,
calls `heartbeat` at least every STALE/3 seconds, and ends with `release` (the next slice goes on), `finish` or `fail`.
What it did not expect goes to `stumble`, so that an error that lasts ends the job instead of coming back for ever.
All of these say whether the job is still ours; when one says False, roll back and stop.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise

from accounts.models import Job, JobState, User, Workspace
from accounts.progress import add_sample
from accounts.roles import Can

STALE = dt.timedelta(seconds=30)  # a running job without a heartbeat for so long has lost its worker
TRIES = 3  # that meet an unexpected error, one after another, until the job fails
_TOO_LARGE = "54"  # SQLSTATE class "program limit exceeded": the data is to blame, though it is an OperationalError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenJobs:
    """How many are waiting and running; `oldest` is the age in seconds of the oldest that waits, 0 when none does."""

    by_state: dict[str, int]
    oldest: float


@dataclass(frozen=True)
class Kind:
    """How a kind of job is shown and who may cancel it."""

    title: Callable[[Job], str | Promise]
    url: Callable[[Job], str] = lambda job: ""
    cancel: Can = Can.WRITE_CONTACTS


_kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    _kinds[name] = kind


def kind_of(job: Job) -> Kind:
    return _kinds.get(job.kind) or Kind(title=lambda job: job.kind)


def create(
    workspace: Workspace, kind: str, *, params: dict[str, Any], by: User | None = None, total: int | None = None
) -> Job:
    return Job.objects.create(workspace=workspace, kind=kind, params=params, created_by=by, total=total)


def _takeable(now: dt.datetime) -> Q:
    free = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - STALE)
    return Q(state=JobState.WAITING) | (Q(state=JobState.RUNNING) & free)


def due(kind: str, now: dt.datetime | None = None) -> list[int]:
    """Ids of jobs that nobody is working on, oldest first: what a beat tick wakes after a worker was lost."""
    waiting = Job.objects.filter(_takeable(now or timezone.now()), kind=kind)
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def open_jobs(now: dt.datetime | None = None) -> OpenJobs:
    found = Job.objects.filter(state__in=(JobState.WAITING, JobState.RUNNING))
    states = found.values("state").annotate(n=Count("pk"), oldest=Min("created_at")).order_by("state")
    by_state = {str(JobState.WAITING): 0, str(JobState.RUNNING): 0} | {row["state"]: row["n"] for row in states}
    since = next((row["oldest"] for row in states if row["state"] == JobState.WAITING), None)
    return OpenJobs(by_state, ((now or timezone.now()) - since).total_seconds() if since else 0.0)


def take(pk: int, now: dt.datetime | None = None) -> Job | None:
    """Hold the job until `release`, `finish` or `fail`. None when it is over or held by a living worker."""
    now = now or timezone.now()
    job = Job.objects.filter(pk=pk).only("started_at", "samples", "done").first()
    taken = Job.objects.filter(_takeable(now), pk=pk).update(
        state=JobState.RUNNING, heartbeat_at=now, fence=F("fence") + 1
    )
    if job is None or not taken:
        return None
    if job.started_at is None:
        first = add_sample([], job.done, now=now.timestamp())
        Job.objects.filter(pk=pk, started_at=None).update(started_at=now, samples=first)
    return Job.objects.select_related("workspace", "created_by").get(pk=pk)


def _held(job: Job) -> QuerySet[Job]:
    """The row while it is ours: not cancelled, not taken over by another worker."""
    return Job.objects.filter(pk=job.pk, fence=job.fence, state=JobState.RUNNING)


def heartbeat(
    job: Job,
    *,
    done: int | None = None,
    total: int | None = None,
    params: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    now: dt.datetime | None = None,
) -> bool:
    """Say that we live and how far we are. In the transaction of the work, it makes both count or neither."""
    now = now or timezone.now()
    return _write(job, heartbeat_at=now, now=now, done=done, total=total, params=params, result=result)


def release(
    job: Job, *, done: int | None = None, params: dict[str, Any] | None = None, result: dict[str, Any] | None = None
) -> bool:
    """End a slice: whoever takes the job next goes on."""
    return _write(job, heartbeat_at=None, now=timezone.now(), done=done, params=params, result=result)


def _write(job: Job, *, heartbeat_at: dt.datetime | None, now: dt.datetime, **given: Any) -> bool:
    changes = {name: value for name, value in given.items() if value is not None}
    if "done" in changes:
        changes["samples"] = add_sample(job.samples, changes["done"], now=now.timestamp())
    if not _held(job).update(heartbeat_at=heartbeat_at, tries=0, **changes):
        return False
    for name, value in ({"tries": 0} | changes).items():
        setattr(job, name, value)
    return True


def stumble(job: Job, error: Exception) -> bool:
    """The slice ended with an error nobody foresaw. True when another try comes, False when the job must `fail`.

    An outage of the database counts for nothing and is raised again: once it is over, the work goes on.
    """
    if _is_outage(error):
        raise error
    logger.error("%s %s met an error (try %s of %s)", job.kind, job.pk, job.tries + 1, TRIES, exc_info=error)
    if job.tries + 1 >= TRIES:
        return False
    return bool(_held(job).update(heartbeat_at=None, tries=job.tries + 1))


def _is_outage(error: Exception) -> bool:
    if isinstance(error, OperationalError):
        return not (getattr(error.__cause__, "sqlstate", None) or "").startswith(_TOO_LARGE)
    return isinstance(error, InterfaceError)


def finish(job: Job, *, result: dict[str, Any] | None = None) -> bool:
    changes = {} if result is None else {"result": result}
    return bool(_held(job).update(state=JobState.DONE, heartbeat_at=None, finished_at=timezone.now(), **changes))


def fail(job: Job, error: str, *, result: dict[str, Any] | None = None) -> bool:
    """End it with words for whoever started it: what happened, whether anything changed, what to do."""
    changes = {} if result is None else {"result": result}
    return bool(
        _held(job).update(state=JobState.FAILED, heartbeat_at=None, error=error, finished_at=timezone.now(), **changes)
    )


def cancel(job: Job) -> bool:
    """Its worker stops at the next heartbeat. False when it was over already."""
    open_states = (JobState.WAITING, JobState.RUNNING)
    return bool(
        Job.objects.filter(pk=job.pk, state__in=open_states).update(
            state=JobState.CANCELLED, heartbeat_at=None, finished_at=timezone.now()
        )
    )
