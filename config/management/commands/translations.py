"""`manage.py translations`: writes the catalogues anew; `--check` judges them; `--compile` makes them readable."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import translations
from config.api import api
from config.reference import texts


class Command(BaseCommand):
    help = "Extracts every string into locale/<app>/ja, keeping its translation."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail for a string without Japanese; write nothing")
        parser.add_argument("--compile", action="store_true", help="write the .mo files that are out of date")
        parser.add_argument("--app", choices=translations.APPS, help="this app only")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compile"]:
            translations.compile_stale(settings.BASE_DIR)
            return
        shown = list(texts(api.get_openapi_schema()))
        if not options["check"]:
            translations.update(settings.BASE_DIR, (options["app"],) if options["app"] else translations.APPS, shown)
            translations.compile_stale(settings.BASE_DIR)
        faults = translations.faults(settings.BASE_DIR, shown)
        found = [fault for fault in faults if options["app"] in (None, fault.app)]
        for fault in found:
            self.stderr.write(str(fault))
        if found and options["check"]:
            raise CommandError(f"{len(found)} strings need their Japanese.")
        self.stdout.write(f"{len(found)} strings need their Japanese." if found else "Every string has its Japanese.")
