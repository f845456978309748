"""Limits and closed routes as rows that all workers share; the arithmetic is `throttle`'s.

Buckets are locked in the order of their keys, so that two workers never wait for each other. Where nothing is limited
no bucket is read. A bucket that cannot be read raises: slow, never open.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from delivery import retry, throttle, warmups
from delivery.models import Limit, Mailing, Route
from delivery.throttle import Limits, Sale, Window

PAUSED = math.inf  # seconds: nobody knows when a person resumes it


@dataclass(frozen=True, slots=True)
class Scope:
    """One bucket and what it allows."""

    key: str
    limits: Limits

    @property
    def plan(self) -> int | None:
        """Of a warm-up, if its cap this is."""
        _scope, _sign, plan = self.key.partition("/plan:")
        return int(plan) if plan else None


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose limits hold beside those of the route: ids."""

    domain: int | None = None
    workspace: int | None = None
    campaign: bool = True  # warm-up plans cap nothing else

    def __str__(self) -> str:
        """As the end of a key: "/domain:3", or nothing."""
        parts = (("domain", self.domain), ("workspace", self.workspace))
        return "".join(f"/{name}:{value}" for name, value in parts if value is not None)


def route_key(route: int) -> str:
    return f"route:{route}"


def site_key(route: int, site: int) -> str:
    return f"route:{route}/site:{site}"


def slow_key(key: str) -> str:
    """The bucket that sells the rate of this one's slowing: what is sold of set limits stays sold."""
    return f"{key}/slow"


def closing_keys(route: Route, site: int | None) -> list[str]:
    """The buckets whose closing stops a lease: a smarthost's is the route's, a direct route's the site's."""
    if route.kind != Route.Kind.DIRECT:
        return [route_key(route.pk)]
    return [route_key(route.pk)] + ([site_key(route.pk, site)] if site is not None else [])


def sender_of(mailing: Mailing) -> Sender:
    campaign = mailing.kind == Mailing.Kind.CAMPAIGN
    return Sender(mailing.from_address.sending_domain_id, mailing.workspace_id, campaign)


def limits() -> list[Limit]:
    """All of them, with the caps of warm-up plans: a handful of rows an install."""
    return [*Limit.objects.all(), *warmups.limits()]


def scopes(
    known: Iterable[Limit], sender: Sender, route: Route, site: int | None, slowed: Mapping[str, float]
) -> list[Scope]:
    """Those of the limits that hold for this sender on this route, by key; of sites only where we deliver to one.

    `slowed`: messages a second by key of a bucket, where a receiver asked us to slow down.
    """
    found = {
        key: set_rates
        for limit in known
        if (key := key_of(limit)) and applies(limit, route, site, sender) and (set_rates := rates(limit)) != Limits()
    }
    for key in closing_keys(route, site):
        if key in slowed:
            found[slow_key(key)] = Limits(per_second=slowed[key])
    return [Scope(key, found[key]) for key in sorted(found)]


def limited_sites(route: int, sender: Sender, slowed: Mapping[str, float]) -> dict[int, list[Scope]]:
    """What limits the rate of single sites, by site, for this sender over this direct route."""
    found: dict[int, dict[str, Limits]] = {}
    for limit in limits():
        site, set_rates = limit.site_id, rates(limit)
        if site is not None and set_rates != Limits() and _names(limit, route, sender):
            found.setdefault(site, {})[key_of(limit)] = set_rates
    ours = site_key(route, 0).removesuffix("0")
    for key, rate in slowed.items():
        if key.startswith(ours):
            slow = {slow_key(key): Limits(per_second=rate)}
            found.setdefault(int(key.removeprefix(ours)), {}).update(slow)
    return {site: [Scope(key, them[key]) for key in sorted(them)] for site, them in found.items()}


def rates(limit: Limit) -> Limits:
    return Limits(limit.per_second, limit.per_minute, limit.per_hour, limit.per_day)


def applies(limit: Limit, route: Route, site: int | None, sender: Sender) -> bool:
    if limit.site_id is not None and (route.kind != Route.Kind.DIRECT or limit.site_id != site):
        return False
    return _names(limit, route.pk, sender)


def _names(limit: Limit, route: int, sender: Sender) -> bool:
    return (
        limit.route_id in (None, route)
        and limit.sending_domain_id in (None, sender.domain)
        and limit.workspace_id in (None, sender.workspace)
        and (limit.plan is None or sender.campaign)
    )


def key_of(limit: Limit) -> str:
    parts = [
        f"{name}:{value}"
        for name, value in (
            ("route", limit.route_id),
            ("site", limit.site_id),
            ("domain", limit.sending_domain_id),
            ("workspace", limit.workspace_id),
            ("plan", limit.plan),
        )
        if value is not None
    ]
    return "/".join(parts)


def narrowest(found: Iterable[Scope]) -> float:
    """Messages a second of the narrowest of these scopes; infinite if none has a rate."""
    return throttle.narrowest(scope.limits for scope in found)


@transaction.atomic
def buy(wanted: Sequence[Scope], number: int, *, within: float = math.inf) -> tuple[Sale, float]:
    """Up to `number` messages from all these scopes, none that would begin later than `within` seconds from now; with
    the sale comes the database's now, in its seconds."""
    rows, now = _locked([scope.key for scope in wanted])
    sale, after = throttle.sell([(rows[scope.key], scope.limits) for scope in wanted], number, now, within=within)
    if sale.number:
        _write({scope.key: bucket for scope, bucket in zip(wanted, after, strict=True)})
        _count(wanted, sale.number)
    return sale, now


@transaction.atomic
def give_back(bought: Sequence[Scope], sale: Sale, number: int) -> None:
    """So many of the end of this sale were not sent."""
    rows, _now = _locked([scope.key for scope in bought])
    _write({scope.key: throttle.give_back(rows[scope.key], scope.limits, sale, number) for scope in bought})
    _count(bought, -number)


def _count(passed: Sequence[Scope], number: int) -> None:
    if plans := [scope.plan for scope in passed if scope.plan is not None]:
        warmups.count(plans, number)


def ensure(keys: Sequence[str]) -> None:
    """The rows of these buckets are there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_bucket (key, slots, day_slots, closings, closed_cause)"
            " SELECT key, '{}', '{}', 0, '' FROM unnest(%s::text[]) AS key ORDER BY key ON CONFLICT DO NOTHING",
            [list(keys)],
        )


def _locked(keys: Sequence[str]) -> tuple[dict[str, throttle.Bucket], float]:
    ensure(keys)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, extract(epoch FROM next_at)::float8, slots, extract(epoch FROM slots_at)::float8, day_slots,"
            " extract(epoch FROM day_slots_at)::float8 FROM delivery_bucket WHERE key = ANY(%s) ORDER BY key"
            " FOR UPDATE",
            [list(keys)],
        )
        rows = cursor.fetchall()
        # The clock after the locks: a wait for them is not sold.
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        now = float(cursor.fetchone()[0])
    found = {
        key: throttle.Bucket(next_at or 0.0, Window(tuple(hour), hour_at or 0.0), Window(tuple(day), day_at or 0.0))
        for key, next_at, hour, hour_at, day, day_at in rows
    }
    return found, now


def _write(after: dict[str, throttle.Bucket]) -> None:
    rows = [
        {
            "key": key, "next_at": bucket.next_at, "slots": bucket.hour.sold, "slots_at": bucket.hour.since,
            "day_slots": bucket.day.sold, "day_slots_at": bucket.day.since,
        }
        for key, bucket in after.items()
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_bucket b SET next_at = to_timestamp(r.next_at), slots = r.slots,"
            " slots_at = to_timestamp(r.slots_at), day_slots = r.day_slots, day_slots_at = to_timestamp(r.day_slots_at)"
            " FROM jsonb_to_recordset(%s::jsonb) AS r(key text, next_at float8, slots int[], slots_at float8,"
            " day_slots int[], day_slots_at float8) WHERE b.key = r.key",
            [json.dumps(rows)],
        )


def closed_seconds(keys: Iterable[str]) -> dict[str, float]:
    """Seconds until each closed bucket opens, PAUSED for one that takes no new leases; open ones are not in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, CASE WHEN paused_at IS NULL THEN extract(epoch FROM closed_until - now()) ELSE 'inf' END"
            "::float8 FROM delivery_bucket WHERE key = ANY(%s) AND (closed_until > now() OR paused_at IS NOT NULL)",
            [list(keys)],
        )
        return dict(cursor.fetchall())


def close(key: str, cause: str, *, gently: bool = False) -> float:
    """Nothing goes there for a minute, doubling to thirty while it keeps failing. Returns the (scaled) seconds.

    Gently: from a second on, where a server answers and asks for less. Workers that fail together count once: a bucket
    that is closed already stays as it is.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        ensure([key])
        cursor.execute(
            "SELECT closings, extract(epoch FROM closed_until - now())::float8 FROM delivery_bucket"
            " WHERE key = %s FOR UPDATE",
            [key],
        )
        closings, still = cursor.fetchone()
        if still is not None and still > 0:
            return float(still)
        seconds: float = retry.closed_for(closings + 1, gently=gently) * settings.TIME_SCALE
        cursor.execute(
            "UPDATE delivery_bucket SET closings = closings + 1, closed_cause = %s,"
            " closed_until = now() + %s * interval '1 second' WHERE key = %s",
            [cause, seconds, key],
        )
        return seconds


def opened(keys: Iterable[str]) -> None:
    """A message was taken: the next failure starts at a minute again."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_bucket SET closings = 0 WHERE key = ANY(%s) AND closings > 0", [list(keys)])
