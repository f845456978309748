"""Where the people of all open mailings stand, from the roll-ups: for whoever watches the install as a whole."""

from __future__ import annotations

from django.db import connection

# Of who was delivered the roll-up keeps no code: it was 250 or the like.
_PEOPLE = """
    SELECT o.provider, o.outcome,
        CASE WHEN o.outcome = 'delivered' THEN '2xx' WHEN o.code ~ '^[0-9]' THEN left(o.code, 1) || 'xx'
            ELSE 'none' END, sum(o.n)::bigint
    FROM delivery_mailing m JOIN analytics_mailingoutcome o ON o.mailing_id = m.id
    WHERE m.state IN ('expanding', 'sending', 'paused') AND o.outcome <> 'bounced'
    GROUP BY 1, 2, 3 HAVING sum(o.n) > 0 ORDER BY 1, 2, 3
"""


def people() -> dict[tuple[str, str, str], int]:
    """By (provider, outcome, class of the last reply, "none" where there is none)."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE)
        return {(provider, outcome, reply): n for provider, outcome, reply, n in cursor.fetchall()}
