"""Celery's entry to contacts: a task takes an id or nothing and calls one function."""

from __future__ import annotations

from contextlib import suppress

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from accounts import jobs
from accounts.models import Workspace
from contacts import bulk, counts, importing
from contacts.importing import running


@shared_task(ignore_result=True)
def run_import(job_id: int) -> None:
    """A slice of an import, and the next after it."""
    if importing.advance(job_id):
        run_import.delay(job_id)


@shared_task(ignore_result=True)
def run_bulk(job_id: int) -> None:
    """A slice of a change of many people, and the next after it."""
    if bulk.advance(job_id):
        run_bulk.delay(job_id)


def wake(task: Task, job_id: int | None) -> None:
    """Have the job begun now. Where the broker is away the tick finds it later: the job is in the database."""
    if job_id:
        with suppress(OperationalError):
            task.delay(job_id)


@shared_task(ignore_result=True)
def tick() -> None:
    """Add up the counters, settle what was cancelled, and wake the jobs whose worker was lost."""
    counts.fold()
    importing.settle_cancelled()
    for job_id in jobs.due(running.KIND):
        run_import.delay(job_id)
    for job_id in jobs.due(bulk.KIND):
        run_bulk.delay(job_id)


@shared_task(ignore_result=True)
def nightly() -> None:
    """Forget old files, and count again."""
    importing.purge()
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        recount.delay(workspace_id)


@shared_task(ignore_result=True)
def recount(workspace_id: int) -> None:
    """The counters of one workspace, from the records themselves."""
    counts.recount(workspace_id)
