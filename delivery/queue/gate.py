"""The gate: one statement a micro-batch, sent while the batch before is on the wire.

It appends the outcomes that have come in, renews the lease (owner, fence; only while the mailing is sending and the
route is open), and appends the mark of those whose contact may still be mailed. Only what it returns may be sent. The
lease row is updated, not read: that makes recovery wait for a mark in flight.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from delivery.queue import prepared
from delivery.queue.audience import REASON
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import RECORD

_GATE = f"""
    WITH came AS ({RECORD}),
    asked AS (
        SELECT m.id, m.rcpt, m.attempts, m.contact_id, d.site_id, d.name AS domain,
            c.address, c.first_name, c.last_name, c.language, c.fields, c.tags, f.values_at AS first_mark,
            CASE WHEN %(consent)s::boolean THEN {REASON} END END AS reason
        FROM delivery_message m
        JOIN delivery_domain d ON d.id = m.domain_id
        LEFT JOIN contacts_contact c ON c.id = coalesce(m.contact_id, %(as_contact)s::bigint)
        LEFT JOIN contacts_suppression s ON s.workspace_id = c.workspace_id AND s.released_at IS NULL
            AND s.address_key = CASE WHEN c.address = m.rcpt THEN c.address_key ELSE lower(m.rcpt) END
        LEFT JOIN delivery_deferral f ON f.message_id = m.id
        WHERE m.id = ANY(%(ids)s::bigint[]) AND m.mailing_id = %(mailing)s::bigint AND m.state IN (0, 1)
            AND (f.message_id IS NULL OR f.lease_id = %(lease)s::bigint)
    ), mine AS (
        UPDATE delivery_lease l SET lease_until = now() + %(seconds)s::double precision * interval '1 second',
            marked = l.marked + (SELECT count(*) FROM asked WHERE reason IS NULL)
        WHERE l.id = %(lease)s::bigint AND l.fence = %(fence)s::integer AND l.closed_at IS NULL
            AND EXISTS (SELECT FROM delivery_mailing WHERE id = %(mailing)s::bigint AND state = 'sending')
            AND EXISTS (SELECT FROM delivery_route WHERE id = %(route)s::bigint AND (paused_at IS NULL OR drain))
            AND NOT EXISTS (
                SELECT FROM delivery_bucket WHERE key = ANY(%(keys)s::text[])
                    AND (closed_until > now() OR (paused_at IS NOT NULL AND NOT drain))
            )
        RETURNING l.id
    ), mark AS (
        INSERT INTO delivery_attempt (lease_id, fence, mailing_id, ids, values_at)
        SELECT %(lease)s::bigint, %(fence)s::integer, %(mailing)s::bigint,
            array_agg(asked.id ORDER BY asked.id), coalesce(first_mark, now())
        FROM asked, mine WHERE reason IS NULL GROUP BY coalesce(first_mark, now())
    )
    SELECT mine.id, asked.id, rcpt, attempts, contact_id, site_id, domain, address, first_name, last_name, language,
        fields, tags, coalesce(first_mark, now()), reason
    FROM (SELECT 1) always LEFT JOIN mine ON true LEFT JOIN asked ON mine.id IS NOT NULL
    ORDER BY asked.id
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One message that may be sent now, with the values read in the same moment as the consent."""

    message: int
    rcpt: str
    attempts: int
    contact: int | None
    site: int | None
    domain: str
    values: dict[str, Any]  # the contact's columns; empty for a typed address
    values_at: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """What the gate let through. `open` is False when nothing more may be sent under this lease."""

    open: bool
    recipients: list[Recipient] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # message → reason


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gate must know of the mailing. Consent is asked for campaigns only."""

    consent: bool
    include_lists: tuple[int, ...] = ()
    family: tuple[int, ...] = ()  # the other mailings of those that are sent again
    as_contact: int | None = None


def pass_through(
    claim: Claim, rules: Rules, ids: Sequence[int], outcomes: Sequence[Outcome] = (), places: Sequence[str] = ()
) -> Passed:
    """Ask for `ids` (none: only the heartbeat) and append `outcomes`. One committed statement when it returns.

    `places`: in a lane of many sites, the buckets of those that these ids go to. One that is paused closes the gate.
    """
    parameters = {
        "outcomes": json.dumps([outcome.recorded() for outcome in outcomes]),
        "lease": claim.lease,
        "fence": claim.fence,
        "mailing": claim.mailing,
        "route": claim.route,
        "keys": [*claim.open_keys, *places],
        "ids": list(ids),
        "consent": rules.consent,
        "include": list(rules.include_lists),
        "family": list(rules.family),
        "before": claim.mailing,
        "as_contact": rules.as_contact,
        "seconds": settings.LEASE_SECONDS,
    }
    rows = prepared.execute(_GATE, parameters)
    if rows[0][0] is None:
        return Passed(False)
    asked = [row for row in rows if row[1] is not None]
    return Passed(
        True, [_recipient(row) for row in asked if row[14] is None], {row[1]: row[14] for row in asked if row[14]}
    )


def _recipient(row: Sequence[Any]) -> Recipient:
    _, message, rcpt, attempts, contact, site, domain, address, first, last, language, fields, tags, at, _ = row
    values: dict[str, Any] = {}
    if address is not None:
        own = json.loads(fields) if isinstance(fields, str) else fields
        values = {
            "address": address, "first_name": first, "last_name": last, "language": language, "tags": tags,
            "fields": own,
        }  # fmt: skip
    return Recipient(message, rcpt, attempts, contact, site, domain, values, at)
