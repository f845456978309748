"""How much mail of each sending domain is believed to be from it, as far as replies tell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from analytics.health import Choice, parameters
from delivery import knowledge
from delivery.knowledge import Category
from delivery.models import SendingDomain

KINDS = {Category.AUTH_SPF: "SPF", Category.AUTH_DKIM: "DKIM", Category.AUTH_DMARC: "DMARC"}


@dataclass(frozen=True)
class Proof:
    """One domain. `judged` = who took its mail, and who refused it for want of a proof; `refused` by kind of proof."""

    domain: SendingDomain
    judged: int
    refused: dict[Category, int]

    @property
    def named(self) -> list[tuple[int, str]]:
        """Of each kind of proof how many passed, and its name."""
        return [(self.judged - self.refused.get(kind, 0), name) for kind, name in KINDS.items()]


_BY_DOMAIN = """
    SELECT sending_domain_id, outcome, cause, sum(n)::bigint FROM analytics_healthhour
    WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND hour >= %(since)s AND hour <= %(until)s
        AND (%(domain)s::bigint IS NULL OR sending_domain_id = %(domain)s)
        AND outcome IN ('delivered', 'failed', 'bounced')
    GROUP BY 1, 2, 3 HAVING sum(n) > 0
"""


def proofs(choice: Choice) -> list[Proof]:
    """Most mail first."""
    judged: dict[int, int] = defaultdict(int)
    refused: dict[int, dict[Category, int]] = defaultdict(lambda: defaultdict(int))
    with connection.cursor() as cursor:
        cursor.execute(_BY_DOMAIN, parameters(choice))
        for domain, outcome, cause, people in cursor.fetchall():
            known = knowledge.CAUSES.get(cause)
            if outcome == "delivered" or (known and known.category in KINDS):
                judged[domain] += people
            if outcome != "delivered" and known and known.category in KINDS:
                refused[domain][known.category] += people
    domains = SendingDomain.objects.in_bulk(judged)
    made = [Proof(domains[key], number, dict(refused[key])) for key, number in judged.items() if key in domains]
    return sorted(made, key=lambda one: -one.judged)
