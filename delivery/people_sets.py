"""Choose people of a mailing by what happened to them, so that another mailing can be sent to just these.

The set is made in slices, each with its cursor in one transaction: whatever is killed, the next tick goes on where the
last slice ended, and nobody is lost or counted twice. Few people are gathered before `choose` returns.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from delivery.models import Mailing, MessageState, PeopleSet
from delivery.people import OF_PROVIDER, of_provider

SLICE = 5_000

# Whose message has no contact any more cannot be mailed.
_GATHER = f"""
    WITH page AS (
        SELECT e.message_id, e.cause, m.contact_id, m.domain_id
        FROM (
            SELECT message_id, cause FROM delivery_messageexception
            WHERE mailing_id = %(mailing)s AND state = %(state)s AND message_id > %(after)s
                AND (%(cause)s = '' OR cause = %(cause)s)
            ORDER BY message_id LIMIT %(slice)s
        ) e JOIN delivery_message m ON m.id = e.message_id
    ), wanted AS (
        SELECT cause, contact_id FROM page m WHERE contact_id IS NOT NULL AND {OF_PROVIDER}
    ), taken AS (
        INSERT INTO delivery_peoplesetmember (people_set_id, contact_id)
        SELECT %(set)s, contact_id FROM wanted ORDER BY contact_id
        ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM page), (SELECT max(message_id) FROM page),
        (SELECT coalesce(jsonb_object_agg(cause, n), '{{}}') FROM (
            SELECT cause, count(*) AS n FROM wanted GROUP BY cause) c)::text
"""
_FORGET = """
    DELETE FROM delivery_peoplesetmember WHERE people_set_id = %(set)s AND contact_id IN (
        SELECT contact_id FROM delivery_peoplesetmember WHERE people_set_id = %(set)s
        ORDER BY contact_id LIMIT %(slice)s
    )
"""


def choose(mailing: Mailing, state: MessageState, cause: str = "", provider: str = "") -> PeopleSet:
    """The people of `mailing` who are in this state now, for one cause and at one provider, or ("") for every one.

    The first slice is gathered at once, the rest by the clock: the set is whole from its `gathered_at` on.
    """
    made = PeopleSet.objects.create(mailing=mailing, state=state, cause=cause, provider=provider)
    gather(made.pk)
    made.refresh_from_db()
    return made


@transaction.atomic
def gather(key: int, size: int = SLICE) -> bool:
    """One slice. True while there is more to do."""
    found = PeopleSet.objects.select_for_update().filter(pk=key, gathered_at=None, dropped_at=None).first()
    if found is None:
        return False
    parameters: dict[str, Any] = {
        "set": key, "mailing": found.mailing_id, "state": found.state, "cause": found.cause, "after": found.after,
        "slice": size,
    } | of_provider(found.provider)  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_GATHER, parameters)
        seen, last, causes = cursor.fetchone()
    for cause, number in json.loads(causes).items():
        found.causes[cause] = found.causes.get(cause, 0) + number
        found.people += number
    if seen:
        found.after = last
    if seen < size:
        found.gathered_at = Now()
    found.save(update_fields=["causes", "people", "after", "gathered_at"])
    return bool(seen == size)


def drop(people_set: PeopleSet) -> None:
    """Nobody sends to it any more. Its people are forgotten in slices by the clock."""
    PeopleSet.objects.filter(pk=people_set.pk).update(dropped_at=Now())


@transaction.atomic
def forget(key: int, size: int = SLICE) -> bool:
    """One slice of a set that was dropped. True while there is more to do."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"set": key, "slice": size})
        if cursor.rowcount == size:
            return True
    PeopleSet.objects.filter(pk=key).delete()
    return False
