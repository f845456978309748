"""Who may be mailed, and the first reason why not: one piece of SQL for the funnel, the expansion and the gate.

The order of the reasons is the order in which people are told (erased, complained, unsubscribed, bounced, stopped,
domain rests, has it by now, excluded list).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

# Who is matched: everybody on these lists, or the people of a set (then there are no lists, else no set).
MATCHED = """
    SELECT DISTINCT contact_id FROM contacts_subscription WHERE list_id = ANY(%(lists)s::bigint[])
    UNION ALL
    SELECT contact_id FROM delivery_peoplesetmember WHERE people_set_id = %(set)s::bigint
"""
# Needs c (contacts_contact), s (its active suppression or null), d (delivery_domain or null), the parameters include,
# family (family_of) and before (the mailings of the family that go first while they still try have smaller ids).
_REASON = """
    CASE
        WHEN c.erased_at IS NOT NULL OR s.reason = 'erased' THEN 'erased'
        WHEN s.reason = 'complaint' THEN 'complained'
        WHEN s.reason = 'unsubscribed' OR NOT EXISTS (
            SELECT FROM contacts_subscription sub
            WHERE sub.list_id = ANY(%(include)s::bigint[]) AND sub.contact_id = c.id AND sub.state = 'subscribed'
            {one_by_one}
        ) THEN 'unsubscribed'
        WHEN s.reason = 'manual' THEN 'stopped'
        WHEN s.reason IS NOT NULL THEN 'bounced'
        WHEN c.domain = '' THEN 'no_address'
        WHEN d.rests_until > now() THEN 'domain_rests'
        WHEN EXISTS (
            SELECT FROM delivery_message other
            WHERE other.mailing_id = ANY(%(family)s::bigint[]) AND other.contact_id = c.id
                AND ((other.state = 2 AND other.bounced_at IS NULL)
                    OR (other.state IN (0, 1) AND other.mailing_id < %(before)s::bigint))
            {one_by_one}
        ) THEN 'settled'
"""
_EXCLUDED = """
        WHEN EXISTS (
            SELECT FROM contacts_subscription ex
            WHERE ex.list_id = ANY(%(exclude)s::bigint[]) AND ex.contact_id = c.id AND ex.state = 'subscribed'
            {one_by_one}
        ) THEN 'excluded_list'
    END
"""
# PostgreSQL makes no hash of an EXISTS with an OFFSET: for some thousands it would read the whole of every list.
_BY_INDEX = "OFFSET 0"
REASON = _REASON.format(one_by_one=_BY_INDEX)
JUDGED = (_REASON + _EXCLUDED).format(one_by_one="")  # of a whole audience
JUDGED_SLICE = (_REASON + _EXCLUDED).format(one_by_one=_BY_INDEX)
SUPPRESSION = """
    LEFT JOIN contacts_suppression s
        ON s.workspace_id = c.workspace_id AND s.address_key = c.address_key AND s.released_at IS NULL
"""

_FUNNEL = f"""
    WITH matched AS ({MATCHED})
    SELECT {JUDGED} AS reason, count(*)
    FROM matched
    JOIN contacts_contact c ON c.id = matched.contact_id AND c.workspace_id = %(workspace)s
    LEFT JOIN delivery_domain d ON d.name = c.domain
    {SUPPRESSION}
    GROUP BY 1
"""

_FAMILY = """
    WITH RECURSIVE origin AS (
        SELECT mailing_id FROM delivery_peopleset WHERE id = %(set)s
        UNION
        SELECT s.mailing_id FROM origin JOIN delivery_mailing m ON m.id = origin.mailing_id
        JOIN delivery_peopleset s ON s.id = m.people_set_id
    ), family AS (
        SELECT mailing_id FROM origin
        UNION
        SELECT m.id FROM family JOIN delivery_peopleset s ON s.mailing_id = family.mailing_id
        JOIN delivery_mailing m ON m.people_set_id = s.id
    )
    SELECT mailing_id FROM family
"""
ANY_MAILING = 2**63 - 1


@dataclass(frozen=True)
class Funnel:
    """matched = will_receive + Σ excluded."""

    matched: int
    will_receive: int
    excluded: dict[str, int] = field(default_factory=dict)  # Exclusion.Reason → people


def parameters_of(
    workspace: int,
    include: Sequence[int],
    exclude: Sequence[int],
    people_set: int | None,
    mailing: int | None = None,
) -> dict[str, Any]:
    """What the statements about an audience read. `mailing` is the one that is sent to it, None before there is one."""
    return {
        "workspace": workspace,
        "lists": [] if people_set else list(include),
        "include": list(include),
        "exclude": list(exclude),
        "set": people_set,
        "family": family_of(people_set, mailing),
        "before": ANY_MAILING,
    }


def family_of(people_set: int | None, mailing: int | None) -> list[int]:
    """The mailing that the people were chosen from and all that were sent again to people of it, without `mailing`."""
    if people_set is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_FAMILY, {"set": people_set})
        return sorted({row[0] for row in cursor.fetchall()} - {mailing})


def funnel(workspace_id: int, include: Sequence[int], exclude: Sequence[int], people_set: int | None = None) -> Funnel:
    """The audience as it is now, counted by first reason."""
    parameters = parameters_of(workspace_id, include, exclude, people_set)
    with connection.cursor() as cursor:
        cursor.execute(_FUNNEL, parameters)
        counts: dict[str | None, int] = dict(cursor.fetchall())
    receiving = counts.pop(None, 0)
    excluded = {reason: n for reason, n in counts.items() if reason}
    return Funnel(receiving + sum(excluded.values()), receiving, excluded)
