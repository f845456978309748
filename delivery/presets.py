"""Well-known smarthosts, as their providers document them."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from delivery.smtp.client import Security


@dataclass(frozen=True, slots=True)
class Preset:
    """A well-known smarthost. `username` is what is always the same, `hint` what a person must know."""

    key: str
    name: str
    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    username: str = ""
    hint: str | Promise = ""


PRESETS = (
    Preset("ses", "Amazon SES (Tokyo)", "email-smtp.ap-northeast-1.amazonaws.com",
           hint=_("SMTP user name and password are made in the SES console; the keys of your account do not work.")),
    Preset("sendgrid", "Twilio SendGrid", "smtp.sendgrid.net", username="apikey",
           hint=_("The user name is the word apikey, the password is the key itself.")),
    Preset("mailgun", "Mailgun", "smtp.mailgun.org"),
    Preset("postmark", "Postmark", "smtp.postmarkapp.com",
           hint=_("The server token is user name and password at once.")),
    Preset("brevo", "Brevo", "smtp-relay.brevo.com"),
    Preset("google", "Google Workspace", "smtp-relay.gmail.com",
           hint=_("An administrator allows this server's address under SMTP relay service first.")),
    Preset("microsoft", "Microsoft 365", "smtp.office365.com",
           hint=_("Meant for few messages: 30 a minute and 10,000 recipients a day.")),
)  # fmt: skip
