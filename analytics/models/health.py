"""Roll-ups of delivery health: by the hour, over all mailings of a workspace but tests and notices.

`sandbox` tells mail that never left this server, so that it is in no figure of the mail that did.
"""

from __future__ import annotations

from django.db import models

from accounts.models import Workspace
from delivery.models import SendingDomain


class HealthHour(models.Model):  # of old ones the day (`analytics.ageing`)
    """People by the hour of what happened to them last, and why. A person stands in one row at a time, but for
    complaints, which are told beside where they stand. Who bounced later is with the delivered no more."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    sandbox = models.BooleanField()
    hour = models.DateTimeField()
    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="+", db_index=False)
    provider = models.CharField(max_length=40)  # a key of delivery.providers, or "other"
    outcome = models.CharField(max_length=12)  # as of MailingOutcome; "complaint"
    cause = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=20, blank=True)  # "550 5.1.1", "" where no server said anything
    n = models.BigIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "sandbox", "hour", "sending_domain", "provider", "outcome", "cause", "code"],
                name="health_hour",
            )
        ]


class HealthWait(models.Model):
    """How long the delivered waited, from the first try to acceptance: people by step of `analytics.waits`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    sandbox = models.BooleanField()
    hour = models.DateTimeField()
    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="+", db_index=False)
    provider = models.CharField(max_length=40)
    step = models.SmallIntegerField()
    n = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "sandbox", "hour", "sending_domain", "provider", "step"], name="health_wait"
            )
        ]
