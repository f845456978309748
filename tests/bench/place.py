"""The benchmark's own install in var/bench, with a durable PostgreSQL. Imported before anything of Django."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = ROOT / "var" / "bench"

os.environ["VAR_DIR"] = str(VAR)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ.setdefault("LOG_LEVEL", "WARNING")


def prepare() -> None:
    """Start the database and bring its tables up to date."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    from config.embedded import postgres

    VAR.mkdir(parents=True, exist_ok=True)
    postgres.start(settings.VAR)
    django.setup()
    call_command("migrate", verbosity=0)
    # What an earlier run left, perhaps cut off in the middle, must not take part in this one.
    call_command("flush", interactive=False, verbosity=0)


def leave() -> None:
    from django.conf import settings

    from config.embedded import postgres

    postgres.stop(settings.VAR)
