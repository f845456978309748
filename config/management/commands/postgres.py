"""`manage.py postgres start|stop`: the embedded database by itself, for development."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded import postgres
from config.embedded.places import postgres_place


class Command(BaseCommand):
    help = "Starts the embedded PostgreSQL and leaves it running, or stops it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["start", "stop"])

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("DATABASE_URL is set: that server is not ours to start or stop.")
        keep = settings.RUN_DIR / "postgres.keep"
        if options["what"] == "stop":
            keep.unlink(missing_ok=True)
            self.stdout.write("stopped" if postgres.stop(settings.VAR) else "none ran")
            return
        try:
            pid, adopted = postgres.start(settings.VAR)
        except postgres.NoPostgres as error:
            raise CommandError(str(error)) from error
        # `make up` stops a server when it ends, but not one that was asked to stay.
        keep.touch()
        place = postgres_place(settings.VAR)
        self.stdout.write(
            f"PostgreSQL {'runs already' if adopted else 'started'} (pid {pid}), socket in {place.sockets}"
        )
