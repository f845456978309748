from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.api_key import ApiKey
from accounts.models.owned import WorkspaceOwned


class IdempotencyKey(WorkspaceOwned):
    """A request that sends, and its answer: written in one transaction with what it did."""

    # The unique index begins with the workspace.
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.SmallIntegerField(default=0)
    body = models.TextField(default="")  # JSON as it was answered: a repeated request gets the same octets
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
