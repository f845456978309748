"""The benchmark's own install in var/bench, with a durable PostgreSQL. Imported before anything of Django."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = ROOT / "var" / "bench"

os.environ["VAR_DIR"] = str(VAR)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ.setdefault("LOG_LEVEL", "WARNING")


def prepare() -> None:
    """Start the database with empty tables: what an earlier run left must not take part in this one."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from config.embedded import postgres

    VAR.mkdir(parents=True, exist_ok=True)
    postgres.start(settings.VAR)
    django.setup()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    shutil.rmtree(settings.JOURNAL_DIR, ignore_errors=True)


def leave() -> None:
    from django.conf import settings

    from config.embedded import postgres

    postgres.stop(settings.VAR)
