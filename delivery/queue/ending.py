"""The end of a lease: outcomes become final states once, batched, and what was not started goes back at no cost."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from delivery.models import Message, MessageState
from delivery.queue import remainders
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import RETURNED, Outcome
from delivery.queue.settle import record, settle

_TO_WAIT = (RETURNED, MessageState.DEFERRED)


@transaction.atomic
def flush(claim: Claim, outcomes: Sequence[Outcome], *, marked: int) -> None:
    """Every few seconds of a slow lease. `outcomes` are recorded already; `marked` of them had a mark.

    True outcomes count even when the lease was lost meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_lease SET ended = ended + %s WHERE id = %s AND fence = %s AND closed_at IS NULL",
            [marked, claim.lease, claim.fence],
        )
        mine = bool(cursor.rowcount)
    settle(outcomes if mine else _late(outcomes), mailing=claim.mailing, lane=claim.lane, site=claim.site)


def _late(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those of a lost lease that still say something. Who is to wait does so already, by what recovery did, and may be
    on the way under another lease: waiting a second time, they would get it twice. Who is unknown does not wait."""
    waiting = [outcome.message for outcome in outcomes if outcome.result in _TO_WAIT]
    unknown = set(Message.objects.filter(pk__in=waiting, state=MessageState.UNCERTAIN).values_list("pk", flat=True))
    return [outcome for outcome in outcomes if outcome.result not in _TO_WAIT or outcome.message in unknown]


@transaction.atomic
def end(
    claim: Claim,
    outcomes: Sequence[Outcome],
    *,
    unrecorded: Sequence[Outcome] = (),
    unasked: Sequence[int] = (),
    rest: float = 0.0,
    once: bool = False,
) -> bool:
    """Close the lease. `unasked` are the ids at its end that no gate was asked for; they rest for `rest` seconds.

    `once`: the connection broke before, so some of this may be there already. False when the lease was lost to
    recovery, which then has dealt with what was not started.
    """
    if once and _ended_before(claim):
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_lease SET closed_at = now(), ended = marked"
            " WHERE id = %s AND fence = %s AND closed_at IS NULL",
            [claim.lease, claim.fence],
        )
        mine = bool(cursor.rowcount)
    record(unrecorded, lease=claim.lease, fence=claim.fence, mailing=claim.mailing, route=claim.route, once=once)
    settle(outcomes if mine else _late(outcomes), mailing=claim.mailing, lane=claim.lane, site=claim.site)
    if mine:
        _give_back(claim, unasked, rest)
    return mine


@transaction.atomic
def hand_back(claim: Claim, unasked: Sequence[int], *, rest: float) -> bool:
    """What was not started goes back while the rest of the lease is still to be answered: a dot may take ten minutes.

    False when the lease was lost to recovery. Done twice, it is done once.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_lease SET hi = CASE WHEN run_id IS NULL THEN hi ELSE %s END"
            " WHERE id = %s AND fence = %s AND closed_at IS NULL AND (run_id IS NULL OR hi = %s)",
            [unasked[0] - 1, claim.lease, claim.fence, unasked[-1]],
        )
        changed = bool(cursor.rowcount)
    if changed:
        _give_back(claim, unasked, rest, list(unasked))
    return changed or _shortened(claim, unasked)


def _shortened(claim: Claim, unasked: Sequence[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM delivery_lease WHERE id = %s AND fence = %s AND hi = %s",
            [claim.lease, claim.fence, unasked[0] - 1],
        )
        return cursor.fetchone() is not None


def _ended_before(claim: Claim) -> bool:
    """This very end was committed, and only its answer was lost."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM delivery_lease WHERE id = %s AND fence = %s AND closed_at IS NOT NULL",
            [claim.lease, claim.fence],
        )
        return cursor.fetchone() is not None


def _give_back(claim: Claim, unasked: Sequence[int], rest: float, only: list[int] | None = None) -> None:
    if claim.run is None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE delivery_deferral SET lease_id = NULL, due_at = now() + %s * interval '1 second'"
                " WHERE lease_id = %s AND (%s::bigint[] IS NULL OR message_id = ANY(%s::bigint[]))",
                [rest, claim.lease, only, only],
            )
    elif unasked:
        remainders.give_back(
            run=claim.run, mailing=claim.mailing, lane=claim.lane, site=claim.site,
            lo=unasked[0], hi=unasked[-1], rest=rest,
        )  # fmt: skip
