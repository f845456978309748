"""The batched statements that record outcomes and write final states.

`record` appends what happened (Attempt); `settle` moves the messages, their deferrals, exceptions and tallies in one
statement. A message that is no longer where the outcome found it is left alone: somebody else settled it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import connection

from delivery import refusals, stopping, stops
from delivery.knowledge import CAUSES, Category
from delivery.models import Mailing, Message, MessageState
from delivery.queue import events, lanes, prepared
from delivery.queue.outcomes import Outcome
from delivery.spikes import WINDOW

REST_DAYS = 7
EXPIRED = "expired"
NO_LEASE = 0

RECORD = """
    INSERT INTO delivery_attempt (lease_id, fence, message_id, mailing_id, site_id, route_id, result, code, status,
        phase, reply, cause, took_ms, sha256, transcript)
    SELECT %(lease)s::bigint, %(fence)s::integer, o.m, %(mailing)s::bigint, o.s, %(route)s::bigint, o.r, o.c, o.e,
        o.p, o.t, o.u, o.ms, decode(o.h, 'hex'), o.x
    FROM jsonb_to_recordset(%(outcomes)s::jsonb) AS o(m bigint, r smallint, c smallint, e text, p text, t text, u text,
        s bigint, ms integer, h text, x jsonb)
"""
# After a broken connection nobody knows whether a statement was committed.
RECORD_ONCE = f"""{RECORD}
    WHERE NOT EXISTS (
        SELECT FROM delivery_attempt a WHERE a.message_id = o.m AND a.lease_id = %(lease)s::bigint AND a.result = o.r
    )
"""

_STATE_NAMES = "ARRAY['queued','deferred','delivered','failed','uncertain','held','cancelled']"

# States: 0 queued, 1 deferred, 2 delivered, 3 failed, 4 uncertain, 5 held, 6 cancelled; 100 returned.
# What is learnt late (an answer, or that the dot was never sent) settles what was uncertain: that try counts already.
_SETTLE = f"""
    WITH o AS (
        SELECT * FROM jsonb_to_recordset(%(outcomes)s::jsonb)
            AS o(m bigint, r smallint, u text, a smallint, d double precision, k smallint, v timestamptz, l bigint,
                b smallint, f boolean)
    ), clock AS (
        SELECT now() - stood_still AS at, give_up_after * %(scale)s::float8 AS patience,
            kind IN ('campaign', 'relayed') AS each
        FROM delivery_mailing WHERE id = %(mailing)s::bigint
    ), go AS (
        SELECT o.*, msg.state AS was, msg.domain_id,
            CASE WHEN o.r <> 100 THEN o.r WHEN msg.state = 4 THEN 0 ELSE msg.state END AS now_is
        FROM o JOIN delivery_message msg ON msg.id = o.m AND msg.mailing_id = %(mailing)s::bigint
        WHERE msg.state IN (0, 1) OR (msg.state = 4 AND o.r IN (1, 2, 3, 100))
    ), changed AS (
        UPDATE delivery_message msg SET state = go.now_is,
            attempts = msg.attempts + CASE WHEN go.was = 4 THEN 0 ELSE go.a END,
            cause = CASE WHEN go.r = 100 THEN NULL ELSE go.u END
        FROM go WHERE msg.id = go.m AND msg.state = go.was AND (go.r <> 100 OR go.was = 4)
        RETURNING go.m, go.r, go.u, go.d, go.k, go.v, go.l, go.was, go.now_is, go.domain_id, go.a, go.b, go.f
    ), done AS (
        SELECT * FROM changed
        UNION ALL SELECT m, r, u, d, k, v, l, was, now_is, domain_id, a, b, f FROM go WHERE r = 100 AND was <> 4
    ), no_longer_waiting AS (
        DELETE FROM delivery_deferral f USING done WHERE f.message_id = done.m AND done.r NOT IN (1, 100)
    ), waiting AS (
        INSERT INTO delivery_deferral AS f (message_id, mailing_id, lane, site_id, due_at, attempt, crashes, values_at,
            tried_at)
        SELECT done.m, %(mailing)s::bigint, coalesce('site:' || done.l, %(lane)s::text),
            coalesce(done.l, %(site)s::bigint), now() + done.d * interval '1 second',
            CASE WHEN done.r = 1 THEN 1 ELSE 0 END, done.k, done.v, CASE WHEN done.f THEN clock.at END
        FROM done CROSS JOIN clock WHERE done.r IN (1, 100)
        ON CONFLICT (message_id) DO UPDATE SET lease_id = NULL,
            due_at = least(excluded.due_at, CASE WHEN f.tried_at IS NOT NULL THEN greatest(
                now() + (excluded.due_at - now()) / 2,
                now() + (SELECT f.tried_at + patience - clock.at FROM clock WHERE clock.each)
            ) END),
            lane = excluded.lane, site_id = excluded.site_id,
            attempt = f.attempt + excluded.attempt,
            crashes = CASE WHEN excluded.attempt = 1 THEN 0 ELSE f.crashes + excluded.crashes END,
            values_at = coalesce(f.values_at, excluded.values_at),
            tried_at = coalesce(f.tried_at, excluded.tried_at)
        RETURNING f.message_id, f.tried_at
    ), no_exception AS (
        DELETE FROM delivery_messageexception e USING done
        WHERE e.message_id = done.m AND done.was <> 0 AND done.now_is IN (0, 2)
    ), exception AS (
        INSERT INTO delivery_messageexception (message_id, mailing_id, state, cause, site_id)
        SELECT done.m, %(mailing)s::bigint, done.r, coalesce(done.u, ''), d.site_id
        FROM done LEFT JOIN delivery_domain d ON d.id = done.domain_id
        WHERE done.r NOT IN (2, 100)
        ON CONFLICT (message_id) DO UPDATE
            SET state = excluded.state, cause = excluded.cause, site_id = excluded.site_id
    ), delta AS (
        SELECT state, sum(n) AS n FROM (
            SELECT now_is AS state, 1 AS n FROM changed UNION ALL SELECT was, -1 FROM changed
        ) moved WHERE state <> 0 GROUP BY state HAVING sum(n) <> 0
    ), tallied AS (
        INSERT INTO delivery_tally AS t (mailing_id, name, n)
        SELECT %(mailing)s::bigint, ({_STATE_NAMES})[state + 1], n FROM delta ORDER BY state
        ON CONFLICT (mailing_id, name) DO UPDATE SET n = t.n + excluded.n
    ), watched AS (
        INSERT INTO delivery_watch AS w (mailing_id, tries, unknown_users, blocks)
        SELECT %(mailing)s::bigint, count(*), count(*) FILTER (WHERE b = 1), count(*) FILTER (WHERE b = 2)
        FROM changed WHERE a = 1 AND r IN (1, 2, 3) HAVING count(*) > 0
        ON CONFLICT (mailing_id) DO UPDATE SET
            tries = excluded.tries + CASE WHEN w.tries < {WINDOW} THEN w.tries ELSE 0 END,
            unknown_users = excluded.unknown_users + CASE WHEN w.tries < {WINDOW} THEN w.unknown_users ELSE 0 END,
            blocks = excluded.blocks + CASE WHEN w.tries < {WINDOW} THEN w.blocks ELSE 0 END,
            tries_before = CASE WHEN w.tries < {WINDOW} THEN w.tries_before ELSE w.tries END,
            unknown_users_before = CASE WHEN w.tries < {WINDOW} THEN w.unknown_users_before ELSE w.unknown_users END,
            blocks_before = CASE WHEN w.tries < {WINDOW} THEN w.blocks_before ELSE w.blocks END
    ), queued_again AS (
        INSERT INTO delivery_attempt (lease_id, fence, message_id, mailing_id, result)
        SELECT 0, 0, m, %(mailing)s::bigint, 0 FROM changed WHERE r = 100
    )
    SELECT count(*), count(*) FILTER (WHERE was = 4 AND r IN (1, 100)), array_agg(m) FILTER (
        WHERE f AND EXISTS (
            SELECT FROM waiting w CROSS JOIN clock
            WHERE w.message_id = m AND clock.each AND w.tried_at + clock.patience <= clock.at
        )
    ) FROM done
"""


def record(
    outcomes: Iterable[Outcome], *, lease: int, fence: int, mailing: int, route: int | None, once: bool = False
) -> None:
    """Append what happened. `once`: some of it may be there already."""
    rows = [outcome.recorded() for outcome in outcomes]
    if not rows:
        return
    prepared.execute(
        RECORD_ONCE if once else RECORD,
        {"outcomes": json.dumps(rows), "lease": lease, "fence": fence, "mailing": mailing, "route": route},
    )


def settle(outcomes: Sequence[Outcome], *, mailing: int, lane: str, site: int | None) -> int:
    """Write the states; within a transaction. How many messages moved or wait again.

    Here people are given up: when a try fails and the first was as long ago as the mailing allows. So nobody is who
    was never tried, however long limits or pauses kept them, nor without a last try after these (RFC 5321, 4.5.4.1).
    """
    if not outcomes:
        return 0
    rows = [outcome.settled() for outcome in outcomes]
    for row in rows:
        row["d"] *= settings.TIME_SCALE
    values = {"mailing": mailing, "lane": lane, "site": site, "scale": settings.TIME_SCALE}
    moved, waiting_again, overdue = prepared.execute(_SETTLE, {"outcomes": json.dumps(rows), **values})[0]
    if waiting_again:
        _reopen(mailing)
    if overdue:
        end(given_up(overdue), mailing=mailing)
    against = [outcome for outcome in outcomes if outcome.stop]
    if against:
        stopping.failed(map(_failed, against), source="bounce")
    refused = [(outcome.message, outcome.cause) for outcome in outcomes if outcome.cause and outcome.final_block]
    if refused:
        refusals.count(refused)
    _rest([outcome for outcome in outcomes if outcome.rest_domain])
    return int(moved)


def given_up(messages: Sequence[int]) -> list[Outcome]:
    """They failed by their time. Of those whose mailbox was full to the last it counts as if it were final."""
    causes = [cause.id for cause in CAUSES.values() if cause.category is Category.MAILBOX_FULL]
    deferred = Message.objects.filter(pk__in=messages, state=MessageState.DEFERRED, cause__in=causes)
    full = set(deferred.values_list("pk", flat=True))
    return [
        Outcome(message, MessageState.FAILED, EXPIRED, stop=stops.FULL if message in full else "")
        for message in messages
    ]


def end(outcomes: Sequence[Outcome], *, mailing: int) -> None:
    """Record and settle what no lease brought about; within a transaction."""
    record(outcomes, lease=NO_LEASE, fence=0, mailing=mailing, route=None)
    settle(outcomes, mailing=mailing, lane=lanes.MIXED, site=None)


def _reopen(key: int) -> None:
    """A late sign says that somebody whose outcome was unknown did not get it: a mailing that was over goes on."""
    mailing = Mailing.objects.select_for_update(of=("self",), no_key=True).get(pk=key)
    if mailing.finished_at is None:
        return
    if mailing.state == Mailing.State.FINISHED:
        events.state_changed(mailing, Mailing.State.SENDING)
        mailing.state = Mailing.State.SENDING
    mailing.finished_at = mailing.announced_at = None
    mailing.save(update_fields=["state", "finished_at", "announced_at"])


def _failed(outcome: Outcome) -> stopping.Failed:
    return stopping.Failed(outcome.message, outcome.stop, str(outcome.reply or ""), outcome.cause or "")


def _rest(outcomes: Sequence[Outcome]) -> None:
    """A domain that does not exist or takes no mail is asked again in a week."""
    if not outcomes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_domain SET rests_until = now() + %s * interval '1 day', rest_cause = %s"
            " WHERE id IN (SELECT domain_id FROM delivery_message WHERE id = ANY(%s))",
            [REST_DAYS, outcomes[0].cause or "", [outcome.message for outcome in outcomes]],
        )
