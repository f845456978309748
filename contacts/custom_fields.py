"""Custom fields: what a workspace adds to its people."""

from __future__ import annotations

from django.db import connection, transaction

from accounts.models import Workspace
from contacts.field_keys import free_key
from contacts.models import Field


@transaction.atomic
def create(workspace: Workspace, label: str, kind: str, choices: list[str] | None = None) -> Field:
    """A new field; its key for templates comes from the label and never changes."""
    key = free_key(workspace.pk, label, kind)
    return Field.objects.create(workspace=workspace, key=key, label=label, kind=kind, choices=choices or [])


def has_values(field: Field) -> bool:
    """Whether any person has a value in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM contacts_contact WHERE workspace_id = %s AND fields ? %s)",
            [field.workspace_id, field.key],
        )
        row = cursor.fetchone()
    return bool(row and row[0])
