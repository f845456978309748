"""Changes of many people at once, and what undoing them needs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Job, WorkspaceOwned


class Bulk(WorkspaceOwned):
    """One change of everybody who matched, done in slices."""

    class Action(models.TextChoices):
        TAG = "tag", _("Tag")  # add a tag
        LIST = "list", _("Add to list")  # put on a list, except who had left it
        STOP = "stop", _("Stop mail")  # suppress as manual

    class State(models.TextChoices):
        RUNNING = "running"  # slices are being written
        DONE = "done"  # everybody who matched has been seen
        UNDOING = "undoing"  # slices are being taken back
        UNDONE = "undone"  # taken back

    action = models.TextField(choices=Action.choices)
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict)  # {"tag": …}, {"list": id}, {"note": …}
    who: models.JSONField[Any, Any] = models.JSONField(default=dict)  # {"ids": […]} or {"filter": {…}}
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    cursor = models.BigIntegerField(default=0)  # contact ids above it have been seen; 0: none yet
    changed = models.BigIntegerField(default=0)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"


class BulkSlice(models.Model):
    """The people whom one slice of a bulk change really changed."""

    bulk = models.ForeignKey(Bulk, on_delete=models.CASCADE, related_name="slices")
    contacts: ArrayField[list[int], list[int]] = ArrayField(models.BigIntegerField())

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.bulk_id} {len(self.contacts)}"
