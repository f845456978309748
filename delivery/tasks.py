"""Celery's entry to delivery: a task takes an id or nothing and calls one function."""

from __future__ import annotations

import socket
from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown
from django.conf import settings

from delivery import domain_checks, partitions, retention
from delivery.bounces import effects
from delivery.bounces.mailboxes import looking
from delivery.dmarc import storing
from delivery.queue import recovery, ticks
from delivery.sender.thread import thread

SEND_SECONDS = 5.0


@shared_task(ignore_result=True)
def send() -> None:
    """Take leases for a few seconds; sent again while there is more. What is under way goes on in its thread."""
    if thread.work(SEND_SECONDS):
        send.apply_async(expires=SEND_SECONDS)


@shared_task(ignore_result=True)
def advance() -> None:
    """Start, expand, give up, cancel and finish what is due."""
    if ticks.advance():
        advance.delay()


@shared_task(ignore_result=True)
def recover() -> None:
    """Leases whose worker is gone."""
    recovery.recover(socket.gethostname(), settings.JOURNAL_DIR)


@shared_task(ignore_result=True)
def make_partitions() -> None:
    """The months to come of the append-only tables; those beyond retention go."""
    partitions.roll()


@shared_task(ignore_result=True)
def check_domains() -> None:
    """Sending domains whose DNS is to be looked at."""
    domain_checks.check_due()


@shared_task(ignore_result=True)
def settle_reports() -> None:
    """What came back and waits: for the outcome of the message itself, or for the DNS."""
    effects.advance()


@shared_task(ignore_result=True)
def look_into_mailboxes() -> None:
    """Mailboxes where bounces come in."""
    if looking.look_due():
        look_into_mailboxes.delay()


@shared_task(ignore_result=True)
def forget_notices() -> None:
    """Invitations and password resets that have been told."""
    if retention.forget_notices():
        forget_notices.delay()


@shared_task(ignore_result=True)
def forget_reports() -> None:
    """What came back long ago."""
    if retention.forget_reports():
        forget_reports.delay()


@shared_task(ignore_result=True)
def forget_nobodys() -> None:
    """Reports that nobody signed, but for the newest."""
    if retention.forget_nobodys():
        forget_nobodys.delay()


@shared_task(ignore_result=True)
def forget_dmarc_reports() -> None:
    """What receivers reported more than a year ago."""
    if storing.forget():
        forget_dmarc_reports.delay()


@worker_process_shutdown.connect
def end_in_order(**_: Any) -> None:
    """SIGTERM: no new marks, open dots get their time, leases are given back."""
    thread.close()
