"""Failures by what their servers answered: a line for each provider, code and cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from analytics.groups import Group, group_of
from analytics.health import Choice, parameters

MOST = 2_000  # lines, those with most people


@dataclass(frozen=True)
class Code:
    """`code` is "550 5.1.1", "" where no server said anything."""

    provider: str
    code: str
    cause: str
    people: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def group(self) -> Group:
        return group_of(self.cause)


_OF_HOURS = """
    SELECT provider, code, cause, sum(n)::bigint AS people, min(first_at), max(last_at) FROM analytics_healthhour
    WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND hour >= %(since)s AND hour <= %(until)s
        AND (%(domain)s::bigint IS NULL OR sending_domain_id = %(domain)s) AND outcome IN ('failed', 'bounced')
    GROUP BY 1, 2, 3 HAVING sum(n) > 0 ORDER BY people DESC, 1, 2, 3 LIMIT %(most)s
"""
_OF_MAILING = """
    SELECT provider, code, cause, sum(n)::bigint AS people, NULL, NULL FROM analytics_mailingoutcome
    WHERE mailing_id = %(mailing)s AND outcome IN ('failed', 'bounced')
    GROUP BY 1, 2, 3 HAVING sum(n) > 0 ORDER BY people DESC, 1, 2, 3 LIMIT %(most)s
"""


def codes(choice: Choice) -> list[Code]:
    """Most people first."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_MAILING if choice.mailing else _OF_HOURS, {**parameters(choice), "most": MOST})
        return [Code(*row) for row in cursor.fetchall()]
