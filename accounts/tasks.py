"""Celery's entry to accounts: a task takes an id or nothing and calls one function."""

from __future__ import annotations

from celery import shared_task

from accounts import idempotency


@shared_task(ignore_result=True)
def forget_requests() -> None:
    """Answers kept for repeated requests, after a month."""
    idempotency.forget()
