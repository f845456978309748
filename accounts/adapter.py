"""Where allauth asks us."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.core.mail import get_connection
from django.http import HttpRequest
from django.utils import translation

from accounts import audit
from accounts.models import User

RESET, UNKNOWN = "account/email/password_reset_key", "account/email/unknown_account"


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People come in by set-up or by invitation."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of the person, not of whoever asked for it; for nobody, as much work and no mail."""
        user = User.objects.filter(email=email.lower()).first()
        with translation.override(user.language if user else None):
            if template_prefix == UNKNOWN:
                self._rehearse(email, context)
            else:
                super().send_mail(template_prefix, email, context)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """On our own address: the request's Host is whatever the asker wrote."""
        return f"{settings.BASE_URL}{urlsplit(super().get_reset_password_from_key_url(key)).path}"

    def _rehearse(self, email: str, context: dict[str, Any]) -> None:
        """How long the answer takes must not tell who has an account."""
        link = self.get_reset_password_from_key_url(f"0-{secrets.token_hex(20)}")
        message = self.render_mail(RESET, email, context | {"email": email, "password_reset_url": link})
        rehearse = getattr(get_connection(), "rehearse", None)
        if rehearse:
            rehearse(message)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """None: the page that comes next shows that somebody is in, or out."""

    def set_password(self, user: User, password: str) -> None:
        """Also ends every other session: Django's session hash contains the password's. Guesses at the old are void."""
        super().set_password(user, password)
        AxesProxyHandler.reset_attempts(username=user.email)
        audit.record(user, None, "user.password_reset", user)
