"""What is learnt of recipient domains while sending: which site takes their mail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from delivery import providers
from delivery.models import Site
from delivery.mta_sts import Policy

_ASKED = """
    SELECT m.id, m.attempts, d.name, d.site_id,
        p.policy_id, p.mode, p.mx, p.fetched_at + (p.expires_at - p.fetched_at) / 2 < now()
    FROM delivery_message m JOIN delivery_domain d ON d.id = m.domain_id
        LEFT JOIN delivery_stspolicy p ON p.domain_id = d.id AND p.expires_at > now()
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


_KEEP_POLICY = """
    INSERT INTO delivery_stspolicy (domain_id, policy_id, mode, mx, fetched_at, expires_at)
    SELECT id, %(id)s, %(mode)s, %(mx)s, now(), now() + %(seconds)s * interval '1 second'
    FROM delivery_domain WHERE name = %(domain)s
    ON CONFLICT (domain_id) DO UPDATE SET policy_id = excluded.policy_id, mode = excluded.mode, mx = excluded.mx,
        fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A domain's MTA-STS policy that still holds; `old`: half of its time is over, so that it is looked for anew."""

    policy: Policy
    old: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One message and where its address leads, as far as it is known."""

    message: int
    attempts: int
    domain: str
    site: int | None
    sts: Kept | None = None


@dataclass(frozen=True, slots=True)
class Learnt:
    """A site that the DNS names for a domain."""

    key: str
    provider: str


def named(key: str) -> Site:
    """The site of a key that a person chose, though no mail went there yet."""
    site, _new = Site.objects.get_or_create(key=key, defaults={"provider": key if key in providers.named() else ""})
    return site


def asked(messages: Sequence[int]) -> list[Asked]:
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [list(messages)])
        return [_asked(*row) for row in cursor.fetchall()]


def _asked(message: int, attempts: int, domain: str, site: int | None, *sts: Any) -> Asked:
    policy_id, mode, mx, old = sts
    return Asked(
        message, attempts, domain, site, Kept(Policy(policy_id, mode, tuple(mx.split())), old) if mode else None
    )


def keep_policy(domain: str, policy: Policy) -> None:
    """For all workers, until it is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP_POLICY,
            {"domain": domain, "id": policy.id, "mode": policy.mode, "mx": " ".join(policy.mx),
             "seconds": policy.max_age},
        )  # fmt: skip


def learn(found: Mapping[str, Learnt]) -> dict[str, int]:
    """Domain → site into the rows; back comes the id of every site by its key."""
    rows = [{"domain": domain, "site": site.key, "provider": site.provider} for domain, site in sorted(found.items())]
    with connection.cursor() as cursor:
        cursor.execute(_LEARN, {"found": json.dumps(rows)})
        return dict(cursor.fetchall())
