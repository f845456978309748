"""What the pages of the routes show: how each is now, and what holds it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delivery import buckets, routes
from delivery.hindrances import Hindrance, Hindrances
from delivery.models import Bucket, Limit, Route, Site
from delivery.queue import recent
from delivery.queue.recent import Left


@dataclass(frozen=True)
class Row:
    """`left` is None for readers who must not see what other workspaces send."""

    route: Route
    limit: Limit
    stop: Hindrance | None  # paused, running empty or closed as a whole
    slowed: Hindrance | None
    paused: int  # providers over it
    left: Left | None

    @property
    def held(self) -> Hindrance | None:
        return self.stop if self.stop and self.stop.since else None


@dataclass(frozen=True)
class ProviderRow:
    """A provider over a direct route that has a limit or is held."""

    site: Site
    limit: Limit | None
    stop: Hindrance | None
    held: Hindrance | None  # by a person


def rows(shown: Sequence[Route], *, everything: bool) -> list[Row]:
    known = Hindrances((route, None) for route in shown)
    left = recent.by_route() if everything else {}
    held = [_route_of(key) for key in Bucket.objects.filter(paused_at__isnull=False).values_list("key", flat=True)]
    return [
        Row(
            route=route,
            limit=routes.limit_of(route),
            stop=found if (found := known.of(route, None)) and found.stops else None,
            slowed=found if found and found.kind == "slowed" else None,
            paused=held.count(route.pk),
            left=left.get(route.pk, Left()) if everything else None,
        )
        for route in shown
    ]


def _route_of(key: str) -> int:
    return int(key.removeprefix("route:").partition("/")[0])


def providers(route: Route) -> list[ProviderRow]:
    """Those with something to tell, by name."""
    limits = {limit.site_id: limit for limit in routes.site_limits(route)}
    ours = buckets.site_key(route.pk, 0).removesuffix("0")
    held = Bucket.objects.filter(key__startswith=ours, paused_at__isnull=False).values_list("key", flat=True)
    ids = {*limits, *(int(key.removeprefix(ours)) for key in held)}
    sites = Site.objects.filter(pk__in=[one for one in ids if one is not None]).order_by("key")
    known = Hindrances((route, site.pk) for site in sites)
    return [
        ProviderRow(
            site,
            limits.get(site.pk),
            stop=found if (found := known.of(route, site.pk)) and found.stops else None,
            held=known.paused(route, site.pk),
        )
        for site in sites
    ]
