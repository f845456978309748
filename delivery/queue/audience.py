"""Who may be mailed, and the first reason why not: one piece of SQL for the funnel, the expansion and the gate.

The order of the reasons is the order in which people are told (erased, complained, unsubscribed, bounced, stopped,
domain rests, excluded list).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

# Needs c (contacts_contact), s (its active suppression or null), d (delivery_domain or null), the parameter include.
REASON = """
    CASE
        WHEN c.erased_at IS NOT NULL OR s.reason = 'erased' THEN 'erased'
        WHEN s.reason = 'complaint' THEN 'complained'
        WHEN s.reason = 'unsubscribed' OR NOT EXISTS (
            SELECT FROM contacts_subscription sub
            WHERE sub.list_id = ANY(%(include)s::bigint[]) AND sub.contact_id = c.id AND sub.state = 'subscribed'
        ) THEN 'unsubscribed'
        WHEN s.reason = 'manual' THEN 'stopped'
        WHEN s.reason IS NOT NULL THEN 'bounced'
        WHEN c.domain = '' THEN 'no_address'
        WHEN d.rests_until > now() THEN 'domain_rests'
"""
EXCLUDED = """
        WHEN EXISTS (
            SELECT FROM contacts_subscription ex
            WHERE ex.list_id = ANY(%(exclude)s::bigint[]) AND ex.contact_id = c.id AND ex.state = 'subscribed'
        ) THEN 'excluded_list'
"""
SUPPRESSION = """
    LEFT JOIN contacts_suppression s
        ON s.workspace_id = c.workspace_id AND s.address_key = c.address_key AND s.released_at IS NULL
"""
JUDGED = f"{REASON}{EXCLUDED} END"

_FUNNEL = f"""
    WITH matched AS (
        SELECT DISTINCT contact_id FROM contacts_subscription WHERE list_id = ANY(%(include)s::bigint[])
    )
    SELECT {JUDGED} AS reason, count(*)
    FROM matched
    JOIN contacts_contact c ON c.id = matched.contact_id AND c.workspace_id = %(workspace)s
    LEFT JOIN delivery_domain d ON d.name = c.domain
    {SUPPRESSION}
    GROUP BY 1
"""


@dataclass(frozen=True)
class Funnel:
    """matched = will_receive + Σ excluded."""

    matched: int
    will_receive: int
    excluded: dict[str, int] = field(default_factory=dict)  # Exclusion.Reason → people


def funnel(workspace_id: int, include: Sequence[int], exclude: Sequence[int]) -> Funnel:
    """The audience as it is now, counted by first reason."""
    parameters: dict[str, Any] = {"include": list(include), "exclude": list(exclude), "workspace": workspace_id}
    with connection.cursor() as cursor:
        cursor.execute(_FUNNEL, parameters)
        counts: dict[str | None, int] = dict(cursor.fetchall())
    receiving = counts.pop(None, 0)
    excluded = {reason: n for reason, n in counts.items() if reason}
    return Funnel(receiving + sum(excluded.values()), receiving, excluded)
