"""Alerts of a workspace, and who was told of them by mail."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models import Membership, Workspace


class AlertQuerySet(models.QuerySet["Alert"]):
    def open_in(self, workspace: Workspace) -> AlertQuerySet:
        """Newest first."""
        return self.filter(workspace=workspace, closed_at=None).order_by("-pk")


class Alert(models.Model):
    """A trouble from when it opened until it had been calm for a while (`analytics.alerting`)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)  # analytics.alerting.Kind
    subject = models.CharField(max_length=255, blank=True)  # a domain, a provider's key, a route's name
    part = models.BigIntegerField(default=1)
    whole = models.BigIntegerField(default=1)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # the trouble was there
    closed_at = models.DateTimeField(null=True)

    objects: ClassVar = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "subject"], name="alert_open", condition=models.Q(closed_at=None)
            )
        ]


class AlertMail(models.Model):
    """Of one person in one workspace: whether they want mail, and the newest alert that they were told of."""

    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="+")
    wanted = models.BooleanField(default=True)
    told = models.BigIntegerField(default=0)
    told_at = models.DateTimeField(null=True)
