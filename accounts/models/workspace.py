from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.user import Language, User
from accounts.roles import Role


class WorkspaceManager(models.Manager["Workspace"]):
    def joined_by(self, user: User) -> models.QuerySet[Workspace]:
        """The workspaces this person is a member of, by name."""
        return self.filter(memberships__user=user).order_by("name", "pk")


class Workspace(models.Model):
    """One brand: it owns contacts, campaigns, sending domains, suppressions and keys."""

    name = models.CharField(max_length=100)
    language = models.CharField(max_length=2, choices=Language, default=Language.EN)
    time_zone = models.CharField(max_length=64, default="UTC")
    legal_name = models.CharField(max_length=200, blank=True)  # who sends: the law wants it in every mail
    postal_address = models.TextField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[WorkspaceManager] = WorkspaceManager()

    def __str__(self) -> str:
        return self.name

    @property
    def has_legal_block(self) -> bool:
        """Whether a live mail may carry this workspace's name and address."""
        return bool(self.legal_name.strip() and self.postal_address.strip())


class Membership(models.Model):
    """A person's place in one workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_per_workspace")]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"


class Invitation(models.Model):
    """A link that makes whoever holds it a member. Only the token's hash is kept."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=6, choices=Role)
    token_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.email
