"""What is learnt of recipient domains while sending: which site takes their mail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

_ASKED = """
    SELECT m.id, m.attempts, d.name, d.site_id FROM delivery_message m JOIN delivery_domain d ON d.id = m.domain_id
    WHERE m.id = ANY(%s)
"""
_LEARN = """
    WITH found AS (
        SELECT * FROM jsonb_to_recordset(%(found)s::jsonb) AS f(domain text, site text, provider text)
    ), made AS (
        INSERT INTO delivery_site (key, provider, first_seen_at)
        SELECT DISTINCT ON (site) site, provider, now() FROM found ORDER BY site
        ON CONFLICT (key) DO UPDATE SET provider = excluded.provider
        RETURNING id, key
    ), learnt AS (
        UPDATE delivery_domain d SET site_id = made.id, checked_at = now()
        FROM found JOIN made ON made.key = found.site WHERE d.name = found.domain
    )
    SELECT key, id FROM made
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One message and where its address leads, as far as it is known."""

    message: int
    attempts: int
    domain: str
    site: int | None


@dataclass(frozen=True, slots=True)
class Learnt:
    """A site that the DNS names for a domain."""

    key: str
    provider: str


def asked(messages: Sequence[int]) -> list[Asked]:
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [list(messages)])
        return [Asked(*row) for row in cursor.fetchall()]


def learn(found: Mapping[str, Learnt]) -> dict[str, int]:
    """Domain → site into the rows; back comes the id of every site by its key."""
    rows = [{"domain": domain, "site": site.key, "provider": site.provider} for domain, site in sorted(found.items())]
    with connection.cursor() as cursor:
        cursor.execute(_LEARN, {"found": json.dumps(rows)})
        return dict(cursor.fetchall())
