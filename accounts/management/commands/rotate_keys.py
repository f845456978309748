"""`manage.py rotate_keys`: seals every secret with the newest of ENCRYPTION_KEYS, so that older ones can be retired."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.encryption import CannotOpen
from accounts.fields import reseal, sealed_fields


class Command(BaseCommand):
    help = "Seals every secret again with the first key of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        for model, field in sealed_fields():
            try:
                changed = reseal(model, field)
            except CannotOpen as error:
                raise CommandError(f"{error}. Nothing was lost: add the missing key and run this again.") from error
            self.stdout.write(f"{model._meta.db_table}.{field}: {changed} sealed again")
