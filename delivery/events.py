"""Appending to the event log."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from delivery.models import Event
from delivery.queue import prepared

_APPEND = """
INSERT INTO delivery_event (kind, workspace_id, mailing_id, message_id, contact_id, link, machine, detail)
VALUES (%(kind)s, %(workspace)s, %(mailing)s, %(message)s, %(contact)s, %(link)s, %(machine)s, %(detail)s::jsonb)
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
    values = {
        "kind": str(kind), "workspace": workspace_id, "mailing": mailing_id, "message": message_id,
        "contact": contact_id, "link": link, "machine": machine, "detail": said,
    }  # fmt: skip
    prepared.execute(_APPEND, values)


def _count_complaint(mailing_id: int) -> None:
    """Beside its tries, for the brakes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_watch AS w (mailing_id, complaints) VALUES (%s, 1)"
            " ON CONFLICT (mailing_id) DO UPDATE SET complaints = w.complaints + 1",
            [mailing_id],
        )
