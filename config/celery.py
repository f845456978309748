"""The clock and the muscle: two queues, `send` and `work`. The broker only wakes workers; losing it loses nothing."""

from __future__ import annotations

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Above the longest slice: what a worker holds is redelivered after this, and at once when the worker's death is seen.
VISIBILITY_SECONDS = 15 * 60
TICK_SECONDS = 1.0

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
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    beat_max_loop_interval=1,
    # A tick that nobody took in time is dropped: the next one does the same.
    beat_schedule={
        "send": {"task": "delivery.tasks.send", "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}},
        "advance": {"task": "delivery.tasks.advance", "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}},
        "recover": {"task": "delivery.tasks.recover", "schedule": 5.0, "options": {"expires": 5.0}},
        "domains": {"task": "delivery.tasks.check_domains", "schedule": 60.0, "options": {"expires": 60.0}},
        "announce": {"task": "campaigns.tasks.announce", "schedule": 5.0, "options": {"expires": 5.0}},
        "partitions": {"task": "delivery.tasks.make_partitions", "schedule": 3600.0, "options": {"expires": 3600.0}},
    },
)
app.autodiscover_tasks()
