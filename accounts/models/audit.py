from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from accounts.models.api_key import ApiKey
from accounts.models.workspace import Workspace


class AuditEntry(models.Model):
    """Who did what, when. A trigger refuses UPDATE and DELETE, so no foreign key may reach in:
    rows it names may go, and `actor_label` and `label` still say who and what it was."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    actor_label = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=60, blank=True)
    label = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_by_workspace")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_label} {self.action} {self.label}"
