"""Keys of custom fields: the names that letters read them by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.db import connection

from contacts.models import Field

# Names that a template reads from the contact itself.
RESERVED = frozenset(
    ("id", "address", "email", "first_name", "last_name", "name", "language", "tags", "fields", "domain", "created_at")
)
_KEY = re.compile(r"[^a-z0-9]+")
_JSON = {Field.Kind.NUMBER: "number", Field.Kind.BOOLEAN: "boolean"}  # of the other kinds: string
_LEFT_BEHIND = """
SELECT EXISTS (
  SELECT FROM contacts_contact WHERE workspace_id = %(workspace)s AND fields ? %(key)s
     AND (jsonb_typeof(fields -> %(key)s) <> %(type)s
          OR %(kind)s = 'date' AND fields ->> %(key)s !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'))"""


def new_key(label: str, taken: Iterable[str]) -> str:
    """A key for templates, from the label: `contact.member_rank`; `field_3` where it has no Latin letters."""
    used = set(taken)
    stem = _KEY.sub("_", unicodedata.normalize("NFKC", label).lower()).strip("_")[:40]
    stem = stem if stem and not stem[0].isdigit() else (f"field_{stem}" if stem else "field")
    candidates = (stem if not number else f"{stem}_{number}" for number in range(len(used) + 1 + 1))
    return next(key for key in candidates if key not in used and key not in RESERVED)


def free_key(workspace_id: int, label: str, kind: str, taken: Iterable[str] = ()) -> str:
    """A key that no field has, and under which no field that is gone left values of another kind."""
    used = [*Field.objects.of(workspace_id).values_list("key", flat=True), *taken]
    while _left_behind(workspace_id, key := new_key(label, used), kind):
        used.append(key)
    return key


def _left_behind(workspace_id: int, key: str, kind: str) -> bool:
    parameters: dict[str, Any] = {
        "workspace": workspace_id,
        "key": key,
        "kind": kind,
        "type": _JSON.get(Field.Kind(kind), "string"),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LEFT_BEHIND, parameters)
        row = cursor.fetchone()
    return bool(row and row[0])
