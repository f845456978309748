"""The ways by which reports come in, besides the sync replies. They belong to the install, as routes do."""

from __future__ import annotations

import secrets
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.fields import SealedField

from .incoming import Inlet
from .routes import Route


class ListenerSeen(models.Model):
    """A listener process said that it is here."""

    name = models.CharField(max_length=255, primary_key=True)  # host:port
    seen_at = models.DateTimeField()


class ReturnMailbox(models.Model):
    """A mailbox where bounces come in that we fetch by IMAP or POP3. What is no report stays in it as it is."""

    class Protocol(models.TextChoices):
        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"

    class Handled(models.TextChoices):
        """What becomes of a report that was stored."""

        LEAVE = "leave", pgettext_lazy("mailbox", "Leave it")
        MOVE = "move", pgettext_lazy("mailbox", "Move it to a folder")
        DELETE = "delete", pgettext_lazy("mailbox", "Delete it")

    class Problem(models.TextChoices):
        """Why the last look did not come to its end."""

        CONNECT = "connect", _("The server does not answer.")
        TLS = "tls", _("The connection cannot be secured.")
        SIGN_IN = "sign_in", _("The server refuses user name or password.")
        FOLDER = "folder", _("There is no such folder.")
        MOVE = "move", _("Reports are stored, but the server does not let us move or delete them.")
        TALK = "talk", _("The server says what we do not understand, or hangs up.")
        LIMIT = "limit", _("The server sends more than we take at once, or too slowly.")
        STORE = "store", _("What was fetched cannot be stored now; it is fetched again.")

    name = models.CharField(_("name"), max_length=100, unique=True)
    protocol = models.CharField(max_length=4, choices=Protocol.choices, default=Protocol.IMAP)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=993)
    security = models.CharField(max_length=10, choices=Route.Security.choices, default=Route.Security.IMPLICIT)
    username = models.CharField(max_length=255)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the password
    password_sealed = SealedField(blank=True)
    ca_file = models.CharField(max_length=500, blank=True)
    folder = models.CharField(max_length=200, default="INBOX")  # of IMAP
    handled = models.CharField(max_length=6, choices=Handled.choices, default=Handled.LEAVE)
    move_to = models.CharField(max_length=200, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)  # somebody looks into it just now
    looked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=8, choices=Problem.choices, blank=True)  # of the last look; "" for none
    problem_said = models.CharField(max_length=500, blank=True)  # what the server said
    seen = models.BigIntegerField(default=0)  # mails looked at
    taken = models.BigIntegerField(default=0)  # reports among them
    uid_validity = models.BigIntegerField(default=0)
    uid_next = models.BigIntegerField(default=1)  # the first UID that was not looked at
    uidl_seen = ArrayField(models.BigIntegerField(), default=list, blank=True)  # of POP3: hashes of those still there

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _token() -> str:
    return secrets.token_urlsafe(24)


class ReportWebhook(models.Model):
    """An address of ours where a sending service reports what became of mail, and what proves that it is the one."""

    PROVIDERS = (Inlet.SES, Inlet.SENDGRID, Inlet.MAILGUN, Inlet.POSTMARK)

    class Problem(models.TextChoices):
        """Why the last call was refused."""

        UNSIGNED = "unsigned", _("The signature or password is missing or wrong.")
        OLD = "old", _("It was signed too long ago, or this server's clock is wrong.")
        FOREIGN = "foreign", _("It comes from another topic than the first one.")
        UNREADABLE = "unreadable", _("It cannot be read.")

    provider = models.CharField(max_length=10, choices=[(one.value, one.label) for one in PROVIDERS])
    name = models.CharField(_("name"), max_length=100, unique=True)
    token = models.CharField(max_length=40, unique=True, default=_token, editable=False)  # in its address
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the secret
    secret_sealed = SealedField(blank=True)
    topic = models.CharField(max_length=300, blank=True)  # of SNS: the first that proved to be Amazon's
    created_at = models.DateTimeField(auto_now_add=True)
    called_at = models.DateTimeField(null=True, blank=True)  # the last good call
    events = models.BigIntegerField(default=0)  # reports that it told
    problem = models.CharField(max_length=10, choices=Problem.choices, blank=True)
    problem_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
