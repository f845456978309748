"""`manage.py reset`: deletes every datum of an embedded install, after asking."""

from __future__ import annotations

import os
import shutil
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded import postgres
from config.embedded.places import OUTSIDE, fingerprint, postgres_place
from config.supervisor import lock

# What belongs to the checkout and is no data: the front-end build, the tests' own cluster, measurements and pictures.
KEPT = ("static", "test", "bench", "shots")


LOCK = "up.lock"


class Command(BaseCommand):
    help = "Deletes the embedded install's data: database, keys, uploads, journals. It asks first."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("DATABASE_URL is set: that data is not ours to delete.")
        # Held until all is deleted: nothing may start between the question and that.
        held = lock.take(settings.RUN_DIR / LOCK, os.getpid(), "")
        if held is None:
            raise CommandError(
                str(lock.holder(settings.RUN_DIR / LOCK) or "Something runs: stop it first (make down).")
            )
        with held:
            self._ask_and_delete(yes=options["yes"])

    def _ask_and_delete(self, *, yes: bool) -> None:
        place = postgres_place(settings.VAR)
        self.stdout.write(f"This deletes all contacts, campaigns, reports and keys in {settings.VAR}")
        if place.moved:
            self.stdout.write(f"and the database in {place.data.parent}")
        if not yes and not self._agreed():
            self.stdout.write("Nothing was deleted.")
            return
        postgres.stop(settings.VAR)
        entries = [entry for entry in settings.VAR.iterdir() if entry != settings.RUN_DIR and entry.name not in KEPT]
        # The lock's own file stays: a new one in its place would be free.
        for entry in [*entries, *(entry for entry in settings.RUN_DIR.iterdir() if entry.name != LOCK)]:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if place.moved:
            shutil.rmtree(OUTSIDE / fingerprint(settings.VAR), ignore_errors=True)
        self.stdout.write("Deleted. `make up` starts afresh.")

    def _agreed(self) -> bool:
        try:
            return input("Type `delete` to go on: ").strip() == "delete"
        except EOFError:  # nobody is there to answer
            return False
