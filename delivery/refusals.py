"""They refuse us for what we are: counted by route, by provider over it and by sending domain, where outcomes are
settled and only for final refusals of this kind. delivery.refusal_brakes acts on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection

from delivery.knowledge import CAUSES, Scope
from delivery.spikes import BLOCKING

WINDOW = timedelta(minutes=10)
_SITES_KEPT = 10

# A domain without a known site stands for itself, as a negative number.
_COUNT = f"""
    WITH refused AS (
        SELECT DISTINCT ON (a.message_id) a.message_id, a.route_id, r.kind, d.site_id,
            coalesce(d.site_id, -d.id) AS place, f.sending_domain_id, o.cause, o.scope
        FROM unnest(%(messages)s::bigint[], %(causes)s::text[], %(scopes)s::text[]) AS o(message, cause, scope)
        JOIN delivery_attempt a ON a.message_id = o.message AND a.route_id IS NOT NULL
        JOIN delivery_route r ON r.id = a.route_id AND r.kind <> 'sandbox'
        JOIN delivery_message m ON m.id = o.message JOIN delivery_domain d ON d.id = m.domain_id
        JOIN delivery_mailing l ON l.id = m.mailing_id JOIN delivery_fromaddress f ON f.id = l.from_address_id
        ORDER BY a.message_id, a.id DESC
    ), scoped AS (
        SELECT 'domain:' || sending_domain_id AS key, place, cause FROM refused WHERE scope = '{Scope.SENDING_DOMAIN}'
        UNION ALL SELECT 'route:' || route_id, place, cause FROM refused WHERE scope = '{Scope.SOURCE}'
        UNION ALL SELECT 'route:' || route_id || '/site:' || site_id, place, cause FROM refused
            WHERE scope IN ('{Scope.SOURCE}', '{Scope.SITE}') AND kind = 'direct' AND site_id IS NOT NULL
    ), more AS (
        SELECT key, count(*) AS n, array_agg(DISTINCT place) AS places, min(cause) AS cause FROM scoped GROUP BY key
    )
    INSERT INTO delivery_refusals AS r (key, since, n, sites, cause)
    SELECT key, now(), n, places[1:{_SITES_KEPT}], cause FROM more ORDER BY key
    ON CONFLICT (key) DO UPDATE SET cause = excluded.cause,
        since = CASE WHEN r.since < now() - %(window)s THEN now() ELSE r.since END,
        n = excluded.n + CASE WHEN r.since < now() - %(window)s THEN 0 ELSE r.n END,
        sites = CASE WHEN r.since < now() - %(window)s THEN excluded.sites ELSE (
            SELECT array_agg(site) FROM (
                SELECT DISTINCT site FROM unnest(r.sites || excluded.sites) AS site LIMIT {_SITES_KEPT}
            ) either
        ) END
"""


def count(refused: Iterable[tuple[int, str]]) -> None:
    """(message, cause) of those that failed; only what is about us is counted. Within a transaction."""
    known = [(message, CAUSES[cause]) for message, cause in refused if cause in CAUSES]
    about_us = [(message, cause) for message, cause in known if cause.category in BLOCKING]
    about_us = [pair for pair in about_us if pair[1].scope in (Scope.SOURCE, Scope.SENDING_DOMAIN, Scope.SITE)]
    if not about_us:
        return
    parameters: dict[str, Any] = {
        "messages": [message for message, _ in about_us], "causes": [cause.id for _, cause in about_us],
        "scopes": [str(cause.scope) for _, cause in about_us], "window": WINDOW,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
