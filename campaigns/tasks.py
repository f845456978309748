"""Celery's entry to campaigns: a task takes an id or nothing and calls one function."""

from __future__ import annotations

from celery import shared_task

from campaigns import audience, notices, rechecking


@shared_task(ignore_result=True)
def announce() -> None:
    """Tell people how their campaigns went."""
    notices.announce()


@shared_task(ignore_result=True)
def count_audience(campaign_id: int) -> None:
    """A count that took too long for a page."""
    audience.recount(campaign_id)


@shared_task(ignore_result=True)
def recheck() -> None:
    """The preflight once more for sends that are about to start."""
    rechecking.recheck()
