"""What a workspace owns. Every queryset starts with `.of(workspace)`."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from accounts.models.workspace import Workspace

M = TypeVar("M", bound=models.Model, covariant=True)


class WorkspaceQuerySet(models.QuerySet[M]):
    def of(self, workspace: Workspace | int) -> Self:
        """The rows of one workspace: nothing else may reach its people."""
        return self.filter(workspace=workspace)


class WorkspaceOwned(models.Model):
    """A row that belongs to one workspace and goes with it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True
