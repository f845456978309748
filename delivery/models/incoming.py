"""What came back: reports as they were taken, and the failures that speak against an address."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from accounts.fields import SealedField, reveal, seal
from accounts.models import Workspace
from contacts.models import Suppression


class Inlet(models.TextChoices):
    """By which way a report came."""

    LISTENER = "listener", _("Listener")
    IMAP = "imap", _("IMAP mailbox")
    POP3 = "pop3", _("POP3 mailbox")
    SES = "ses", "Amazon SES"
    SENDGRID = "sendgrid", "SendGrid"
    MAILGUN = "mailgun", "Mailgun"
    POSTMARK = "postmark", "Postmark"
    SANDBOX = "sandbox", _("Sandbox")


# RFC 5965, 7.3, and what is in use beside it: the person left, and did not complain.
OPT_OUT = frozenset({"opt-out", "opt-out-list"})


class IncomingReport(models.Model):
    """One mail or event that came back, what was read in it, and what was done.

    `workspace`, `mailing_id`, `message_id` and `contact_id` are known only through a valid token. A report without one
    is stored and shown to the install's administrators, and does nothing. `key` makes a replay a replay.
    """

    class Kind(models.TextChoices):
        BOUNCE = "bounce", pgettext_lazy("report", "Delivery report")
        COMPLAINT = "complaint", pgettext_lazy("report", "Complaint")
        AUTO_REPLY = "auto_reply", pgettext_lazy("report", "Automatic answer")
        DMARC = "dmarc", pgettext_lazy("report", "DMARC report")
        OTHER = "other", pgettext_lazy("report", "Other mail")

    class Result(models.TextChoices):
        DONE = "done", pgettext_lazy("report", "Acted on")  # `deeds` says what
        NOTHING = "nothing", pgettext_lazy("report", "Nothing to do")  # it reports no failure
        REPEATED = "repeated", pgettext_lazy("report", "Known already")  # the same was told of this message before
        WAITING = "waiting", pgettext_lazy("report", "Waits")  # for the outcome of the message itself
        NO_TOKEN = "no_token", pgettext_lazy("report", "Not ours for sure")  # nothing says which message it is about
        BAD_TOKEN = "bad_token", pgettext_lazy("report", "Forged or damaged")  # a token that we did not sign
        EXPIRED = "expired", pgettext_lazy("report", "Too late")  # reports act for 90 days
        GONE = "gone", pgettext_lazy("report", "Message is gone")
        UNREADABLE = "unreadable", pgettext_lazy("report", "Cannot be read")

    class Deed(models.TextChoices):
        BOUNCED = "bounced", _("Recorded as bounced later")
        FAILED = "failed", _("Recorded as failed")
        DELIVERED = "delivered", _("The unknown outcome is settled: delivered")
        COMPLAINED = "complained", _("Recorded as a complaint")
        STOPPED = "stopped", _("Mail to the address was stopped")
        LEFT = "left", _("Recorded as unsubscribed from everything")
        COUNTED = "counted", _("Counted against the address")
        HELD = "held", _("Stopping the address waits for a person")
        RESTED = "rested", _("The domain rests: its DNS says the same")
        TALLIED = "tallied", _("Counted in the DMARC figures")

    inlet = models.CharField(max_length=10, choices=Inlet.choices)
    key = models.CharField(max_length=128, unique=True)
    received_at = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=200, blank=True)  # within the inlet: a mailbox, the kind of event
    rcpt = models.CharField(max_length=320, blank=True)  # the envelope recipient, or the token, as it came
    kind = models.CharField(max_length=10, choices=Kind.choices)
    feedback_type = models.CharField(max_length=40, blank=True)
    # What it says of whom, as delivery.bounces.taking writes it: recipient, action, code, status, text, cause, …
    told: models.JSONField[Any, Any] = models.JSONField(default=list)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the octets
    raw_sealed = SealedField(blank=True)  # the first octets as they came; "" once they are forgotten
    size = models.IntegerField(default=0)  # octets of the whole
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    mailing_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    contact_id = models.BigIntegerField(null=True)
    result = models.CharField(max_length=10, choices=Result.choices)
    deeds = ArrayField(models.CharField(max_length=12, choices=Deed.choices), default=list)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="report_newest"),
            models.Index(fields=["message_id"], name="report_of_message", condition=models.Q(message_id__isnull=False)),
            models.Index(fields=["contact_id"], name="report_of_contact", condition=models.Q(contact_id__isnull=False)),
            models.Index(fields=["id"], name="report_waiting", condition=models.Q(result="waiting")),
            models.Index(fields=["received_at"], name="report_with_raw", condition=~models.Q(raw_sealed="")),
        ]

    @property
    def named(self) -> str:
        """Its kind, as its heading."""
        opted_out = self.kind == self.Kind.COMPLAINT and self.feedback_type in OPT_OUT
        return pgettext("report", "Unsubscribed at the provider") if opted_out else self.get_kind_display()

    @property
    def raw(self) -> bytes:
        """The first octets as they came, b"" once they are forgotten. Raises CannotOpen."""
        return reveal(self, "raw_sealed").encode("latin-1")

    @raw.setter
    def raw(self, octets: bytes) -> None:
        seal(self, "raw_sealed", octets.decode("latin-1"))


class AddressFailure(models.Model):
    """One message that failed for a reason of its address: what is counted until the address is stopped."""

    class State(models.IntegerChoices):
        COUNTED = 0  # speaks against the address, alone is not enough
        STOPPED = 1  # with it the address was stopped
        HELD = 2  # it would have been: so many were that a person looks at them first
        DISMISSED = 3  # a person said that it means nothing
        DUE = 4  # a person said that it is to be stopped: the next tick does it

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    address_key = models.TextField(db_collation="C")
    reason = models.TextField(choices=Suppression.Reason.choices)
    state = models.SmallIntegerField(choices=State.choices, default=State.COUNTED)
    at = models.DateTimeField(db_default=Now())
    message_id = models.BigIntegerField(unique=True)
    # For the suppression's detail: the mailing, what they said, the report that told it.
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "address_key"], name="failure_of_address"),
            models.Index(fields=["workspace", "at"], name="failure_stopped", condition=models.Q(state=1)),
            models.Index(fields=["workspace", "id"], name="failure_held", condition=models.Q(state__in=[2, 4])),
        ]
