"""What is learnt about a message after its try: a report says that it bounced, or a sign that it arrived.

Each is one batched statement from a named state, as everything that changes messages. A message that still waits for
the outcome of its own try is not touched: whoever asks comes again.
"""

from __future__ import annotations

from django.db import transaction

from delivery import events, refusals
from delivery.knowledge import Verdict
from delivery.models import Attempt, Event, Message, MessageState
from delivery.queue import lanes, prepared
from delivery.queue.outcomes import REPLY_KEPT, Outcome
from delivery.queue.settle import NO_LEASE, record, settle
from delivery.smtp.replies import Phase, Reply
from delivery.spikes import Sign, sign

AWAITED = (MessageState.QUEUED, MessageState.DEFERRED)  # the outcome of its own try may still come

# 2: delivered. The state stays: their server did take it.
_BOUNCED = f"""
    WITH changed AS (
        UPDATE delivery_message SET bounced_at = now(), cause = %(cause)s::text
        WHERE id = %(message)s::bigint AND state = 2 AND bounced_at IS NULL
        RETURNING id, mailing_id, domain_id
    ), exception AS (
        INSERT INTO delivery_messageexception (message_id, mailing_id, state, cause, site_id)
        SELECT changed.id, mailing_id, 2, %(cause)s::text, d.site_id
        FROM changed JOIN delivery_domain d ON d.id = domain_id
        ON CONFLICT (message_id) DO UPDATE SET state = excluded.state, cause = excluded.cause
    ), tallied AS (
        INSERT INTO delivery_tally AS t (mailing_id, name, n) SELECT mailing_id, 'bounced', 1 FROM changed
        ON CONFLICT (mailing_id, name) DO UPDATE SET n = t.n + excluded.n
    ), told AS (
        INSERT INTO delivery_attempt (lease_id, fence, message_id, mailing_id, site_id, result, code, status, phase,
            reply, cause)
        SELECT {NO_LEASE}, 0, changed.id, mailing_id, d.site_id, {Attempt.BOUNCED}, nullif(%(code)s::smallint, 0),
            nullif(%(status)s::text, ''), '{Phase.DSN}', %(reply)s::text, %(cause)s::text
        FROM changed JOIN delivery_domain d ON d.id = domain_id
    )
    SELECT count(*) FROM changed
"""
_WATCHED = """
    INSERT INTO delivery_watch AS w (mailing_id, unknown_users, blocks)
    VALUES (%(mailing)s::bigint, %(unknown_users)s::integer, %(blocks)s::integer)
    ON CONFLICT (mailing_id) DO UPDATE SET
        unknown_users = w.unknown_users + excluded.unknown_users, blocks = w.blocks + excluded.blocks
"""


def awaited(message: Message) -> bool:
    return message.state in AWAITED


@transaction.atomic(savepoint=False)
def bounced(message: Message, reply: Reply, verdict: Verdict, *, report: int | None = None, ours: bool = True) -> bool:
    """Their server took it, and it did not arrive after all: "bounced later". False when that was known.
    Not `ours`: it was refused where it was forwarded to, which the brakes do not count."""
    status = str(reply.status or "")
    found = prepared.execute(
        _BOUNCED,
        {
            "message": message.pk, "cause": verdict.cause, "code": reply.code, "status": status,
            "reply": reply.text[:REPLY_KEPT],
        },
    )  # fmt: skip
    if not found[0][0]:
        return False
    detail = {"cause": verdict.cause, "code": reply.code, "status": status, "report": report}
    events.append(
        Event.Kind.BOUNCE_LATER, workspace_id=message.mailing.workspace_id, mailing_id=message.mailing_id,
        message_id=message.pk, contact_id=message.contact_id, detail=detail,
    )  # fmt: skip
    if ours:
        _watch(message, verdict)
    return True


@transaction.atomic(savepoint=False)
def failed(message: Message, reply: Reply, verdict: Verdict, *, ours: bool = True) -> bool:
    """A report on one whose outcome nobody knew, or that is still tried: it failed."""
    if not _settle(message, Outcome(message.pk, MessageState.FAILED, verdict.cause, reply=reply)):
        return False
    if ours:
        _watch(message, verdict)
    return True


@transaction.atomic(savepoint=False)
def arrived(message: Message) -> bool:
    """A report, an open, a click or an answer says that one whose outcome nobody knew did arrive. Costs nothing for
    any other."""
    return message.state == MessageState.UNCERTAIN and _settle(message, Outcome(message.pk, MessageState.DELIVERED))


def _settle(message: Message, outcome: Outcome) -> bool:
    """Locked and read again, so that only what `outcome` was made for is changed, and recorded if it is."""
    states = [MessageState.UNCERTAIN]
    if outcome.result == MessageState.FAILED:
        states += [MessageState.QUEUED, MessageState.DEFERRED]
    rows = Message.objects.select_for_update(of=("self",)).filter(pk=message.pk, state__in=states)
    if not rows.values_list("pk", flat=True).first():
        return False
    mailing = message.mailing_id
    record([outcome], lease=NO_LEASE, fence=0, mailing=mailing, route=None)
    return settle([outcome], mailing=mailing, lane=lanes.MIXED, site=None) > 0


def _watch(message: Message, verdict: Verdict) -> None:
    """For the brakes: beside its try, which was counted when it was made."""
    found = sign(verdict, final=True)
    if found is not Sign.NONE:
        figures = {
            "mailing": message.mailing_id, "unknown_users": int(found is Sign.UNKNOWN_USER),
            "blocks": int(found is Sign.BLOCK),
        }  # fmt: skip
        prepared.execute(_WATCHED, figures)
    refusals.count([(message.pk, verdict.cause)])
