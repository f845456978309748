"""The clock and the muscle: two queues, `send` and `work`. The broker only wakes workers; losing it loses nothing."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Above the longest slice: what a worker holds is redelivered after this, and at once when the worker's death is seen.
VISIBILITY_SECONDS = 15 * 60


def every(seconds: float, task: str, *, expires: float = 30) -> dict[str, Any]:
    """A tick only wakes: one that nobody took in time is dropped, since the next says the same."""
    return {"task": task, "schedule": seconds, "options": {"expire_seconds": expires}}


SCHEDULE = {
    "send what is due": every(1, "delivery.tasks.send", expires=2),
    "advance mailings": every(1, "delivery.tasks.advance", expires=5),
    "recover leases of dead workers": every(5, "delivery.tasks.recover"),
    "look at sending domains": every(60, "delivery.tasks.check_domains"),
    "settle reports that wait": every(2, "delivery.tasks.settle_reports", expires=10),
    "look into return mailboxes": every(15, "delivery.tasks.look_into_mailboxes"),
    "forget old notices": every(3600, "delivery.tasks.forget_notices"),
    "forget reports of nobody": every(60, "delivery.tasks.forget_nobodys"),
    "forget old reports": every(3600, "delivery.tasks.forget_reports"),
    "make and drop partitions": every(3600, "delivery.tasks.make_partitions"),
    "check scheduled campaigns again": every(5, "campaigns.tasks.recheck"),
    "announce finished campaigns": every(5, "campaigns.tasks.announce"),
    "fold the logs into reports": every(2, "analytics.tasks.fold"),
    "look for what is worth an alert": every(60, "analytics.tasks.watch"),
    "make days of old hours": every(86400, "analytics.tasks.age", expires=3600),
    "fold counters, wake imports": every(15, "contacts.tasks.tick"),
    "forget old files, count again": every(86400, "contacts.tasks.nightly", expires=3600),
    "forget old DMARC reports": every(86400, "delivery.tasks.forget_dmarc_reports", expires=3600),
    "forget old API requests": every(86400, "accounts.tasks.forget_requests", expires=3600),
    "forget sessions that are over": every(86400, "accounts.tasks.forget_sessions", expires=3600),
}

app = Celery("shirase")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_connection_retry_on_startup=True,
    # Redelivery after kill -9 in 15 s instead of 105 s.
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    result_backend=None,
    task_default_queue="work",
    task_routes={"delivery.tasks.send": {"queue": "send"}},
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    enable_utc=True,
    timezone="UTC",
    beat_schedule=SCHEDULE,
    beat_scheduler="config.schedule:Schedule",
    beat_max_loop_interval=1,
)
app.autodiscover_tasks()
