"""A route's own verbs: it pauses when its set-up is wrong, and a person lets it go on."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone

from delivery import mailings
from delivery.models import Mailing, Route


@transaction.atomic
def pause_route(route_id: int, reason: str = mailings.MANUAL) -> bool:
    """Nothing leaves by it from the next gate on, and nobody is failed for it.

    Mailings that have no other open route pause with the same reason, so that whoever scheduled them is told.
    """
    if not Route.objects.filter(pk=route_id, paused_at=None).update(paused_at=timezone.now(), pause_reason=reason):
        return False
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING, routes=route_id, kind=Mailing.Kind.CAMPAIGN):
        if not mailing.routes.filter(paused_at=None).exists():
            mailings.pause(mailing, reason)
    return True


@transaction.atomic
def resume_route(route_id: int) -> bool:
    """Open again, at once. Mailings that paused themselves are resumed by whoever looks after them."""
    resumed = Route.objects.filter(pk=route_id, paused_at__isnull=False).update(paused_at=None, pause_reason="")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_bucket SET closed_until = NULL, closings = 0 WHERE key = %(key)s OR key LIKE %(key)s || '/%%'",
            {"key": f"route:{route_id}"},
        )
    return bool(resumed)
