"""`manage.py changepassword <address>`: the way back in when no mail can reach a person."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.management.commands import changepassword
from django.core.management.base import CommandParser
from django.db import DEFAULT_DB_ALIAS

from accounts import audit
from accounts.models import User


class Command(changepassword.Command):
    help = (
        "Asks twice for a new password and sets it for the person with this address. They are signed out everywhere; "
        "a sign-in that wrong passwords had closed is open again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="address", help="the address that the person signs in with")
        parser.set_defaults(database=DEFAULT_DB_ALIAS)

    def handle(self, *args: Any, **options: Any) -> str:
        address = options["username"].strip().lower()
        said = super().handle(*args, **options | {"username": address})
        AxesProxyHandler.reset_attempts(username=address)
        audit.record(None, None, "user.password_set", User.objects.get(email=address))
        return f"{said}. They are signed out everywhere."
