"""A person, and the append-only history of what we knew about them."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import WorkspaceOwned

# What the history keeps: these columns, every tag, and every custom field as "fields.<key>".
TRACKED = ("address", "first_name", "last_name", "language")


class Contact(WorkspaceOwned):
    """One person of a workspace, unique by address key. Every default is the database's, for raw inserts."""

    # The unique index below begins with the workspace: a second index would only cost.
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    address = models.TextField()  # as typed, for sending
    # C collation: the unique index then also serves LIKE 'prefix%'.
    address_key = models.TextField(db_collation="C")  # local part lower-cased @ domain as lower-case A-label
    domain = models.TextField()  # lower-case A-label
    first_name = models.TextField(blank=True, default="", db_default="")
    last_name = models.TextField(blank=True, default="", db_default="")
    language = models.TextField(blank=True, default="", db_default="")  # "en", "ja", or "" when nobody said
    fields: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={}, blank=True)
    tags: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    last_opened_at = models.DateTimeField(null=True, blank=True)
    last_clicked_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)
    sample = models.BooleanField(default=False, db_default=False)  # invented; removable in one click

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "address_key"], name="contact_address_key"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "id"], name="contact_page"),
            models.Index(fields=["workspace", "domain"], name="contact_domain"),
            models.Index("workspace", OpClass(Lower("last_name"), "text_pattern_ops"), name="contact_last_name"),
            models.Index("workspace", OpClass(Lower("first_name"), "text_pattern_ops"), name="contact_first_name"),
            GinIndex(fields=["tags"], name="contact_tags"),
        ]

    def __str__(self) -> str:
        return self.name or self.address or gettext("Erased person")

    @property
    def name(self) -> str:
        """The whole name in the order the person's language writes it; "" when unknown."""
        family_first = any(ord(char) >= 0x3000 for char in self.last_name + self.first_name)
        parts = (self.last_name, self.first_name) if family_first else (self.first_name, self.last_name)
        return " ".join(part for part in parts if part)

    def values(self) -> dict[str, Any]:
        """What a letter may read, by the names the history uses."""
        known = {name: getattr(self, name) for name in TRACKED}
        return known | {"tags": list(self.tags)} | {f"fields.{key}": value for key, value in self.fields.items()}

    def take(self, values: dict[str, Any]) -> None:
        """Set values by the names the history uses, without saving; None removes a custom field."""
        for name, value in values.items():
            if name.startswith("fields."):
                key = name.removeprefix("fields.")
                self.fields = {k: v for k, v in self.fields.items() if k != key} | (
                    {} if value is None else {key: value}
                )
            else:
                setattr(self, name, value)
        self.updated_at = timezone.now()

    def values_at(self, when: dt.datetime) -> dict[str, Any]:
        """The same, as it was at that moment: today's values with every later change taken back."""
        later = self.changes.filter(at__gt=when).order_by("-at", "-id").values_list("changes", flat=True)
        return roll_back(self.values(), later.iterator())


def roll_back(values: dict[str, Any], changes: Any) -> dict[str, Any]:
    """`changes` newest first, each {name: [old, new]}; an old value of null means the name was not there."""
    before = dict(values)
    for change in changes:
        for name, (old, _new) in change.items():
            before[name] = old
    return {name: value for name, value in before.items() if value is not None}


class ContactChange(models.Model):
    """One change of one person's values, by whom and from where. Append-only; erased with the person."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="changes", db_index=False)
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    source = models.TextField()  # "page", "api", "import", "sample", "person", "undo", …
    added = models.BooleanField(default=False, db_default=False)  # the change that made the contact
    changes: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})  # {name: [old, new]}
    imported = models.ForeignKey(
        "contacts.Import", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    row = models.IntegerField(null=True, blank=True)  # of that import's file

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["contact", "at"], name="contact_change_contact"),
            # Undo walks an import's changes in order.
            models.Index(fields=["imported", "id"], name="contact_change_import", condition=~models.Q(imported=None)),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.at}"
