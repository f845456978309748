"""`manage.py up`: the whole install in this terminal, until Ctrl-C."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.embedded.places import ForeignFolder
from config.embedded.postgres import NoPostgres
from config.embedded.valkey import NoValkey
from config.supervisor import lock, terminal
from config.supervisor.run import CannotStart, Supervisor


class Command(BaseCommand):
    help = "Starts database, broker, web, workers, beat and sandbox, and keeps them running."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("DATABASE_URL is set: in production each process is a unit of its own (docs/deploy).")
        held = lock.take(settings.RUN_DIR / "up.lock", os.getpid(), settings.BASE_URL)
        if held is None:
            other = lock.holder(settings.RUN_DIR / "up.lock")
            self.stdout.write(str(other) if other else "Shirase ran a moment ago: try again.")
            return
        with held:
            try:
                Supervisor(terminal.for_stdout(no_colour=options["no_color"])).run()
            except (CannotStart, NoPostgres, NoValkey, ForeignFolder) as error:
                raise CommandError(str(error)) from error
