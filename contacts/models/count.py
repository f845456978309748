"""Small counters, so that no page counts a big table."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Count(models.Model):
    """A delta of one figure. Triggers append (see migration 0002), `counts.fold` adds up, readers sum.

    Appending means that two imports never wait for each other's counter. No foreign keys: the deltas
    of a deleted list are written after the list is gone, and swept by the fold.
    """

    workspace_id = models.BigIntegerField()
    list_id = models.BigIntegerField(default=0, db_default=0)  # 0: the whole workspace
    key = models.TextField()  # "people", "stopped", "subscribed", "unsubscribed", "suppressed:<reason>"
    n = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["workspace_id", "list_id", "key"], name="count_read")]

    def __str__(self) -> str:
        return f"{self.key} {self.n:+d}"
