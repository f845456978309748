from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from accounts.models.owned import WorkspaceOwned
from accounts.progress import Estimate, estimate


class JobState(models.TextChoices):
    """Where a background job is; `config.vocabulary` has its words."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(WorkspaceOwned):
    """Work that outlives a page: an import, an export. Changed only by `accounts.jobs`."""

    State = JobState

    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=9, choices=JobState, default=JobState.WAITING)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True)  # None: nobody knows yet
    params = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    result = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)  # None while no worker holds it
    tries = models.SmallIntegerField(default=0, db_default=0)  # that met an unexpected error since the last heartbeat
    fence = models.IntegerField(default=0)  # grows with every take; an older holder writes nothing
    samples = models.JSONField(default=list, blank=True)  # [[seconds, done], …] of the last five minutes

    class Meta:
        indexes = [models.Index(fields=["workspace", "kind", "-id"], name="job_by_workspace")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def over(self) -> bool:
        return self.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

    @property
    def percent(self) -> int | None:
        """0–100, rounded down so that 100 means all; None while the total is unknown."""
        if not self.total:
            return 100 if self.state == JobState.DONE else None
        return min(100, self.done * 100 // self.total)

    def estimate(self, now: dt.datetime | None = None) -> Estimate | None:
        """Rate and time left; None in the first 30 s, when it is over, or when nothing moves."""
        if self.state != JobState.RUNNING or self.total is None:
            return None
        return estimate(self.samples, left=self.total - self.done, now=(now or timezone.now()).timestamp())
