"""State changes as events, in the transaction that makes them."""

from __future__ import annotations

from delivery import events
from delivery.models import Event, Mailing


def state_changed(mailing: Mailing, after: str, *, why: str = "") -> None:
    """`mailing.state` is the state before."""
    detail = {"from": str(mailing.state), "to": str(after)} | ({"why": why} if why else {})
    events.append(Event.Kind.STATE, workspace_id=mailing.workspace_id, mailing_id=mailing.pk, detail=detail)
