"""What pauses by itself, saying why: a route whose set-up is wrong."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from delivery import mailings
from delivery.models import Mailing, Route


@transaction.atomic
def pause_route(route_id: int, cause: str) -> bool:
    """Nothing leaves by it from the next gate on, and nobody is failed for it.

    Campaigns that have no other open route pause with the same cause, so that whoever scheduled them is told.
    """
    if not Route.objects.filter(Q(paused_at=None) | Q(drain=True), pk=route_id).update(
        paused_at=timezone.now(), pause_reason=cause, paused_by="", drain=False
    ):
        return False
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING, routes=route_id, kind=Mailing.Kind.CAMPAIGN):
        if not mailing.routes.filter(paused_at=None).exists():
            mailings.pause(mailing, cause)
    return True
