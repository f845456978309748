"""One recipient of one mailing. Narrow, fillfactor 50, no index on a column that changes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact

from .mailing import Mailing
from .sites import Domain, Site


class MessageState(models.IntegerChoices):
    QUEUED = 0, _("Waiting")  # never tried, or tried without costing an attempt
    DEFERRED = 1, _("Retrying")  # refused for now; its due time is in Deferral
    DELIVERED = 2, _("Delivered")  # 2xx after the dot
    FAILED = 3, _("Failed")  # permanent, or given up
    UNCERTAIN = 4, _("Unknown")  # the dot may have been sent, no answer is known
    HELD = 5, _("Held")  # render error, poison, brake: a person must decide
    CANCELLED = 6, _("Not sent after all")  # stopped, unsubscribed, suppressed or erased after expansion


class Message(models.Model):
    """`cause` is a cause id of delivery.knowledge, or why it was cancelled or held; None when delivered.

    The database does not check its foreign keys: that was near half the cost of an expansion, which reads all three
    rows in the statement that makes the message. No mailing is deleted while people are added to it, and no domain
    ever. Of somebody who is removed in that very moment the id may stay: the gate cancels them, and readers join
    (`select_related`).
    """

    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="messages", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.SET_NULL, related_name="messages", db_index=False, db_constraint=False
    )
    rcpt = models.CharField(max_length=320)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    state = models.SmallIntegerField(choices=MessageState.choices, default=MessageState.QUEUED)
    cause = models.CharField(max_length=80, null=True)
    attempts = models.SmallIntegerField(default=0)
    bounced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "mailing", "contact", condition=models.Q(contact__isnull=False), name="message_once_a_contact"
            )
        ]
        indexes = [
            models.Index(fields=["mailing", "id"], name="message_by_mailing"),
            models.Index(fields=["contact", "id"], name="message_by_contact"),
        ]

    @property
    def state_name(self) -> str:
        """The state as a word of the pages: "queued", "delivered", …, and "bounced" for who bounced later."""
        if self.bounced_at:
            return "bounced"
        return MessageState(self.state).name.lower()


class MessageException(models.Model):
    """One small row for every message that is not simply delivered: people by outcome, at any size."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True, db_constraint=False)
    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    state = models.SmallIntegerField(choices=MessageState.choices)
    cause = models.CharField(max_length=80, blank=True)
    site = models.ForeignKey(
        Site, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["mailing", "state", "message"], name="exception_by_state"),
            models.Index(fields=["mailing", "cause", "message"], name="exception_by_cause"),
        ]
