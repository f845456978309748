"""Celery's entry to accounts: a task takes an id or nothing and calls one function."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command

from accounts import idempotency


@shared_task(ignore_result=True)
def forget_requests() -> None:
    """Answers kept for repeated requests, after a month."""
    idempotency.forget()


@shared_task(ignore_result=True)
def forget_sessions() -> None:
    """Sessions that are over: the database keeps them until somebody clears them out."""
    call_command("clearsessions")
