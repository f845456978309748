"""State changes as events, in the transaction that makes them."""

from __future__ import annotations

import json

from django.db import connection

from delivery.models import Event, Mailing


def state_changed(mailing: Mailing, after: str, *, why: str = "") -> None:
    """`mailing.state` is the state before."""
    detail = {"from": mailing.state, "to": after} | ({"why": why} if why else {})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_event (kind, workspace_id, mailing_id, detail) VALUES (%s, %s, %s, %s)",
            [Event.Kind.STATE, mailing.workspace_id, mailing.pk, json.dumps(detail)],
        )
