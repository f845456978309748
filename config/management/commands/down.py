"""`manage.py down`: ends a running `manage.py up` as Ctrl-C in its terminal would."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.embedded import postgres
from config.embedded.places import fingerprint
from config.supervisor import lock, terminal
from config.supervisor.process import end_left_behind


class Command(BaseCommand):
    help = "Stops what `up` has started. A second Ctrl-C here ends it at once."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        running = lock.holder(settings.RUN_DIR / "up.lock")
        if running is None:
            screen = terminal.for_stdout(no_colour=options["no_color"])
            end_left_behind(fingerprint(settings.VAR), settings.RUN_DIR, screen)
            kept = (settings.RUN_DIR / "postgres.keep").exists()
            ended = settings.EMBEDDED and not kept and postgres.stop(settings.VAR)
            self.stdout.write("The database is stopped; nothing else ran." if ended else "Nothing runs.")
            return
        if not running.address:
            raise CommandError(str(running))
        os.kill(running.pid, signal.SIGTERM)
        self.stdout.write(f"Stopping Shirase at {running.address}/ …")
        while lock.holder(settings.RUN_DIR / "up.lock"):
            try:
                time.sleep(0.1)
            except KeyboardInterrupt:
                os.kill(running.pid, signal.SIGTERM)
        self.stdout.write("Stopped.")
