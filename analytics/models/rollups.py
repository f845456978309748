"""Small roll-ups, folded from the logs of delivery: a report reads as many rows at 10,000 messages as at 10,000,000.

Each names its mailing by id only: a report outlives the messages.
"""

from __future__ import annotations

from django.db import models

from delivery.models import Mailing


class Fold(models.Model):
    """How far the logs are folded: every transaction before `tx`, and none from it on; `folded_at` is the last run."""

    name = models.CharField(max_length=40, primary_key=True)
    tx = models.BigIntegerField(default=0)
    folded_at = models.DateTimeField(null=True)


class MailingMinute(models.Model):
    """Tries of a mailing by the minute in which their answer came."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()
    outcome = models.CharField(max_length=12)  # delivered, retrying, failed, unknown
    n = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "minute", "outcome"], name="mailing_minute")]


class MailingOutcome(models.Model):
    """People of a mailing by provider, where they stand now, and why. Who bounced later stands with the delivered, and
    beside them in a row of their own."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    provider = models.CharField(max_length=40)  # a key of delivery.providers, or "other"
    outcome = models.CharField(max_length=12)  # delivered, retrying, failed, unknown, held, not_sent; bounced
    cause = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=20, blank=True)  # "550 5.1.1", "" where no server said anything
    n = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(null=True)  # when the last of them came in

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "provider", "outcome", "cause", "code"], name="mailing_outcome")
        ]


class MailingDeed(models.Model):
    """What people did with a mailing: each counted once, machines apart."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    deed = models.CharField(max_length=16)  # analytics.deeds.Deed
    n = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "deed"], name="mailing_deed")]


class MailingLink(models.Model):
    """Who followed a link: people once each, and all their clicks."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="+", db_index=False)
    number = models.IntegerField()
    people = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "number"], name="mailing_link")]
