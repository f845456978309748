"""What holds a route back, or one provider over it: paused, run empty, closed, slowed, limited. For the pages."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from delivery import buckets, slowdowns
from delivery.buckets import Sender
from delivery.models import Bucket, Lease, Limit, Route
from delivery.slowdowns import Slowdown


class Kind(enum.StrEnum):
    """The first three let nobody new through."""

    PAUSED = "paused"
    DRAINING = "draining"  # open leases go on
    CLOSED = "closed"  # it does not answer, or refuses us
    SLOWED = "slowed"  # it asked us to
    LIMITED = "limited"


STOPS = frozenset({Kind.PAUSED, Kind.DRAINING, Kind.CLOSED})


@dataclass(frozen=True)
class Hindrance:
    """`site`: of one provider, else of the whole route. `scope`, of a limit: route, site, domain or workspace."""

    kind: Kind
    route: Route
    site: int | None = None
    by: str = ""  # who paused it
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None
    empty: bool = False  # of one that is paused: no worker has anything in hand for it any more
    rate: float | None = None  # messages a second
    scope: str = ""

    @property
    def stops(self) -> bool:
        return self.kind in STOPS

    @property
    def per_minute(self) -> int | None:
        return None if self.rate is None else max(1, round(self.rate * 60))


class Hindrances:
    """Read once for a page: a few rows, whatever waits."""

    def __init__(self, pairs: Iterable[tuple[Route, int | None]]) -> None:
        keys = {key for route, site in pairs for key in buckets.closing_keys(route, site)}
        self._buckets = {bucket.key: bucket for bucket in Bucket.objects.filter(key__in=keys)}
        self._slow: dict[str, Slowdown] = {one.key: one for one in slowdowns.current()}
        self._limits: Sequence[Limit] = buckets.limits()
        self._now = timezone.now()

    def of(self, route: Route, site: int | None, senders: Iterable[Sender] = ()) -> Hindrance | None:
        """What matters most of it: what stops, else the narrowest rate that is set for any of the senders."""
        return self._stop(route, site) or self._rate(route, site, senders)

    def paused(self, route: Route, site: int | None) -> Hindrance | None:
        """Its own pause: of the route, or with a site of that provider over it, whatever else holds it back."""
        if site is None:
            return self._pause_of_route(route)
        return self._pause_of_site(route, site, self._buckets.get(buckets.site_key(route.pk, site)))

    def _pause_of_route(self, route: Route) -> Hindrance | None:
        if not route.paused_at:
            return None
        cause = "" if route.pause_reason == "manual" else route.pause_reason
        kind, empty = Kind.DRAINING if route.drain else Kind.PAUSED, _empty(route, None, route.paused_at)
        return Hindrance(kind, route, by=route.paused_by, cause=cause, since=route.paused_at, empty=empty)

    def _pause_of_site(self, route: Route, site: int, bucket: Bucket | None) -> Hindrance | None:
        if bucket is None or not bucket.paused_at:
            return None
        kind, empty = Kind.DRAINING if bucket.drain else Kind.PAUSED, _empty(route, site, bucket.paused_at)
        cause = "" if bucket.paused_by else bucket.closed_cause
        return Hindrance(kind, route, site, by=bucket.paused_by, cause=cause, since=bucket.paused_at, empty=empty)

    def _stop(self, route: Route, site: int | None) -> Hindrance | None:
        direct = route.kind == Route.Kind.DIRECT
        paused = self.paused(route, None) or (self.paused(route, site) if direct and site is not None else None)
        if paused:
            return paused
        for key in buckets.closing_keys(route, site):
            bucket = self._buckets.get(key)
            if bucket and bucket.closed_until and bucket.closed_until > self._now:
                where = None if key == buckets.route_key(route.pk) else site
                return Hindrance(Kind.CLOSED, route, where, cause=bucket.closed_cause, until=bucket.closed_until)
        return None

    def _rate(self, route: Route, site: int | None, senders: Iterable[Sender]) -> Hindrance | None:
        slow = [self._slow[key] for key in buckets.closing_keys(route, site) if key in self._slow]
        slowest = min(slow, key=Slowdown.rate, default=None)
        scopes = [
            scope
            for sender in senders or (Sender(),)
            for scope in buckets.scopes(self._limits, sender, route, site, {})
            if scope.limits.rate < math.inf
        ]
        narrowest = min(scopes, key=lambda scope: scope.limits.rate, default=None)
        if slowest and (narrowest is None or slowest.rate() < narrowest.limits.rate):
            return Hindrance(
                Kind.SLOWED, route, slowest.site, cause=slowest.cause, since=slowest.since, until=slowest.until,
                rate=slowest.rate(),
            )  # fmt: skip
        if narrowest is None:
            return None
        scope = next((name for name in ("workspace", "domain", "site") if f"{name}:" in narrowest.key), "route")
        return Hindrance(Kind.LIMITED, route, site, rate=narrowest.limits.rate, scope=scope)


def _empty(route: Route, site: int | None, since: datetime) -> bool:
    """A lease of many sites that began before may hold people of this one; later ones do not."""
    held = Lease.objects.filter(closed_at=None, route=route)
    if site is not None:
        held = held.filter(Q(site=site) | Q(site=None, created_at__lt=since))
    return not held.exists()
