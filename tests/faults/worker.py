"""A real Celery worker of the `send` queue on the test's database: `python -m tests.faults.worker DATABASE`."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.conf import settings


def main() -> None:
    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from config.celery import app

    app.worker_main([
        "worker", "-Q", "send", "-c", "2", "-n", f"send-{os.getpid()}@%h", "--loglevel", "WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
