"""Somebody decides in mid-campaign."""

from __future__ import annotations

from django.db import connection, transaction

from contacts import subscriptions
from contacts.models import Suppression
from delivery.models import MessageState
from tests.faults import workers
from tests.faults.scenes import PEOPLE
from tests.faults.stand import Stand


def suppressed(stand: Stand) -> int:
    """In one transaction. Who has no mark when it commits gets nothing; a mark before it may still go out."""
    chosen = stand.chosen(PEOPLE // 6).people
    stand.midway()
    with transaction.atomic():
        for address in sorted(chosen):
            subscriptions.suppress(
                stand.mailing.workspace_id, address, Suppression.Reason.MANUAL, source="tests.faults"
            )
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        committed = cursor.fetchone()[0]
    stand.drain()
    late = workers.number(
        "SELECT count(*) FROM delivery_attempt a, unnest(a.ids) AS marked JOIN delivery_message m ON m.id = marked"
        " WHERE a.mailing_id = %s AND a.values_at > %s AND m.rcpt = ANY(%s)",
        stand.mailing.pk, committed, list(chosen),
    )  # fmt: skip
    assert late == 0, f"{late} were marked after the commit"
    cancelled = stand.people_in(MessageState.CANCELLED)
    assert cancelled, "the commit came too late"
    assert cancelled <= chosen, f"cancelled and not suppressed: {cancelled - chosen}"
    assert len(stand.taken()) + len(cancelled) == PEOPLE, "somebody got nothing and is not cancelled"
    return 0
