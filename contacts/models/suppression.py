"""Addresses we must not mail, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import WorkspaceOwned, WorkspaceQuerySet
from contacts.addresses import Address, parse

if TYPE_CHECKING:
    from accounts.models import Workspace


class SuppressionQuerySet(WorkspaceQuerySet["Suppression"]):
    def active(self) -> SuppressionQuerySet:
        return self.filter(released_at=None)

    def covers(self, workspace: Workspace | int, address: str) -> bool:
        """Whether mail to this address (any spelling of it) is stopped."""
        found = parse(address)
        key = found.key if isinstance(found, Address) else address
        return self.of(workspace).active().filter(address_key=key).exists()


class Suppression(WorkspaceOwned):
    """Mail to one address is stopped. One active row an address; a released row stays as history."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("the person left everything")  # from everything, by the person
        COMPLAINT = "complaint", _("reported as spam")  # reported as spam
        NO_SUCH_USER = "no_such_user", _("the address does not exist")  # the address does not exist
        INACTIVE = "inactive", _("the mailbox is switched off")  # the mailbox is switched off
        REFUSED = (
            "refused",
            _("refused by the person or their carrier"),
        )  # the person or their carrier takes no mail from us
        FULL = "full", _("the mailbox is full")  # the mailbox has been full for weeks
        MANUAL = "manual", _("stopped by your team")  # stopped by a member of the workspace
        ERASED = "erased", _("the person asked to be forgotten")  # the person asked to be forgotten

    # Two indexes below begin with the workspace.
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    address_key = models.TextField(db_collation="C")
    reason = models.TextField(choices=Reason.choices)
    source = models.TextField(blank=True, default="", db_default="")
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    note = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    release_note = models.TextField(blank=True, default="", db_default="")

    objects: ClassVar = SuppressionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "address_key"], name="suppression_active", condition=models.Q(released_at=None)
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["workspace", "id"], name="suppression_page")]

    def __str__(self) -> str:
        return f"{self.address_key} {self.reason}"
