"""Celery's entry to analytics: a task takes an id or nothing and calls one function."""

from __future__ import annotations

import time

from celery import shared_task

from analytics import ageing, alerts, folding, telling

SLICE_SECONDS = 4.0


@shared_task(ignore_result=True)
def fold() -> None:
    """Fold what has come in; sent again while there is more."""
    until = time.monotonic() + SLICE_SECONDS
    while sum(folding.fold(name) for name in folding.FOLDS):
        if time.monotonic() > until:
            fold.delay()
            return


@shared_task(ignore_result=True)
def watch() -> None:
    """Open and close alerts, and tell of them by mail."""
    alerts.look()
    telling.mail()


@shared_task(ignore_result=True)
def age() -> None:
    """Each night: the roll-ups stay small."""
    ageing.age()
