"""Where allauth asks us."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from axes.handlers.proxy import AxesProxyHandler
from django.http import HttpRequest
from django.utils import translation

from accounts import audit
from accounts.models import User


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People come in by set-up or by invitation."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of the person, not of whoever asked for it."""
        user = User.objects.filter(email=email.lower()).first()
        with translation.override(user.language if user else None):
            super().send_mail(template_prefix, email, context)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """None: the page that comes next shows that somebody is in, or out."""

    def set_password(self, user: User, password: str) -> None:
        """Also ends every other session: Django's session hash contains the password's. Guesses at the old are void."""
        super().set_password(user, password)
        AxesProxyHandler.reset_attempts(username=user.email)
        audit.record(user, None, "user.password_reset", user)
