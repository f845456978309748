"""Appending to the event log."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from delivery.models import Event

_APPEND = """
INSERT INTO delivery_event (kind, workspace_id, mailing_id, message_id, contact_id, link, machine, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb)
"""


def append(
    kind: Event.Kind,
    *,
    workspace_id: int,
    mailing_id: int | None = None,
    message_id: int | None = None,
    contact_id: int | None = None,
    link: int | None = None,
    machine: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """One event, in the caller's transaction: it is there exactly if what it tells of is there."""
    if kind == Event.Kind.COMPLAINT and mailing_id is not None:
        _count_complaint(mailing_id)
    said = None if detail is None else json.dumps(detail)
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [kind, workspace_id, mailing_id, message_id, contact_id, link, machine, said])


def _count_complaint(mailing_id: int) -> None:
    """Beside its tries, for the brakes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_watch AS w (mailing_id, complaints) VALUES (%s, 1)"
            " ON CONFLICT (mailing_id) DO UPDATE SET complaints = w.complaints + 1",
            [mailing_id],
        )
