"""Who takes no mail of this mailing at the moment, or asked us to slow down: its smarthost, or providers that a direct
route meets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from delivery import buckets, slowdowns
from delivery.models import Bucket, Mailing, Route, Site

SAMPLE = 1_000  # of those who wait in a lane of many sites: enough to meet every large one


@dataclass(frozen=True)
class Closed:
    """A named provider by its `key`; any other site by that of its MX hosts."""

    key: str
    until: datetime


# Sites with a lane of their own that people still wait in; and, of those pooled with others, the named ones. A small
# server that is down is not worth a notice to everyone who looks at the report.
_WAITED_FOR = """
    SELECT site_id FROM delivery_run WHERE mailing_id = %(mailing)s AND cursor <= last AND site_id IS NOT NULL
    UNION SELECT s.id FROM (
        SELECT message_id, site_id FROM delivery_deferral WHERE mailing_id = %(mailing)s LIMIT %(sample)s
    ) f
    JOIN delivery_message m ON m.id = f.message_id
    JOIN delivery_domain d ON d.id = m.domain_id
    JOIN delivery_site s ON s.id = d.site_id AND (s.provider <> '' OR s.id = f.site_id)
"""
_SITES = f"SELECT id, coalesce(nullif(provider, ''), key) FROM delivery_site WHERE id IN ({_WAITED_FOR})"


@dataclass(frozen=True)
class Routes:
    """Of a mailing, in order: when the first of those that do not answer is tried again, None while one is open; and
    which took over from the first, if that is down or paused."""

    until: datetime | None = None
    down: str = ""
    by: str = ""


def routes(mailing: Mailing) -> Routes:
    ordered = list(mailing.routes.order_by("mailingroute__order"))
    closed = _closed(buckets.route_key(route.pk) for route in ordered)
    is_open = [route for route in ordered if not route.paused_at and buckets.route_key(route.pk) not in closed]
    if not is_open:
        return Routes(min(closed.values(), default=None))
    return Routes() if is_open[0] == ordered[0] else Routes(None, str(ordered[0]), str(is_open[0]))


@dataclass(frozen=True)
class Slower:
    """Who asked us to slow down: a provider by `key` as in Closed, or a route by its name (`key` empty)."""

    key: str
    route: str
    cause: str
    per_minute: float  # now
    since: datetime
    until: datetime  # if they do not ask again


def slower(mailing: Mailing) -> list[Slower]:
    """By whom this mailing is held back, by name."""
    if mailing.state != Mailing.State.SENDING or not (found := slowdowns.of_mailing(mailing)):
        return []
    routes = dict(mailing.routes.values_list("pk", "name"))
    sites = {site.pk: str(site) for site in Site.objects.filter(pk__in=[one.site for one in found])}
    return [
        Slower(
            sites.get(one.site or 0, ""), routes.get(one.route, ""), one.cause, one.rate() * 60, one.since, one.until
        )
        for one in found
    ]


@dataclass(frozen=True)
class Paused:
    """What a person paused: a provider by `key` as in Closed, or a whole route (`key` empty)."""

    key: str
    route: str
    by: str
    since: datetime


def paused(mailing: Mailing) -> list[Paused]:
    """Routes of this mailing, and providers over them that its people wait for."""
    if mailing.state != Mailing.State.SENDING:
        return []
    routes = {route.pk: route for route in mailing.routes.order_by("mailingroute__order")}
    whole = [
        Paused("", str(route), route.paused_by, route.paused_at)
        for route in routes.values()
        if route.paused_at and route.pause_reason == "manual"
    ]
    names = _waited_for(mailing)
    rows = Bucket.objects.filter(key__in=names, paused_at__isnull=False).order_by("paused_at")
    return whole + [
        Paused(names[row.key], str(routes[int(row.key.split("/")[0].removeprefix("route:"))]), row.paused_by, since)
        for row in rows
        if (since := row.paused_at)
    ]


def _waited_for(mailing: Mailing) -> dict[str, str]:
    """By the key of its bucket the name of every site that people of this mailing wait for, over each direct route."""
    routes = list(mailing.routes.filter(kind=Route.Kind.DIRECT).values_list("pk", flat=True))
    if not routes:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SITES, {"mailing": mailing.pk, "sample": SAMPLE})
        return {buckets.site_key(route, site): name for site, name in cursor.fetchall() for route in routes}


def providers(mailing: Mailing) -> list[Closed]:
    """Providers that people of this mailing wait for, the one that is tried again first at the head."""
    names = _waited_for(mailing) if mailing.state == Mailing.State.SENDING else {}
    closed = _closed(names)
    latest: dict[str, datetime] = {}  # a provider may have several sites
    for key, until in closed.items():
        latest[names[key]] = max(until, latest.get(names[key], until))
    return sorted((Closed(name, until) for name, until in latest.items()), key=lambda one: (one.until, one.key))


def _closed(keys: Iterable[str]) -> dict[str, datetime]:
    rows = Bucket.objects.filter(key__in=list(keys), closed_until__gt=timezone.now())
    return {key: until for key, until in rows.values_list("key", "closed_until") if until is not None}
