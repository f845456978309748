"""Lists: make, change, delete."""

from __future__ import annotations

import re
import unicodedata

from django.db import transaction

from accounts.models import Workspace
from contacts.models import List, Subscription

_NOT_LABEL = re.compile(r"[^a-z0-9]+")


@transaction.atomic
def create(
    workspace: Workspace, name: str, *, public_name: str = "", description: str = "", public: bool = True
) -> List:
    """A new list. Raises IntegrityError where the name is taken."""
    return List.objects.create(
        workspace=workspace,
        name=name,
        public_name=public_name,
        description=description,
        public=public,
        list_id_label=free_label(workspace, name),
    )


def free_label(workspace: Workspace, name: str) -> str:
    """A label for the List-Id header that no other list of the workspace has; it never changes again."""
    taken = set(List.objects.of(workspace).values_list("list_id_label", flat=True))
    stem = label(name) or "list"
    numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)


def label(name: str) -> str:
    """Letters, digits and hyphens of the name, for a dot-atom (RFC 2919, 2); "" when there are none."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_LABEL.sub("-", plain).strip("-")[:50].rstrip("-")


def is_used(row: List) -> bool:
    """Whether a person was ever on it: then deleting it deletes who left it."""
    return Subscription.objects.filter(list=row).exists()
