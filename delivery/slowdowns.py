"""Where a receiver asked us to slow down: heard once for all workers, in the row of the bucket; read by whoever sends
and by the pages. The arithmetic is `adapting`'s."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from delivery import adapting, buckets
from delivery.knowledge import CAUSES, Category
from delivery.models import Limit, Mailing
from delivery.queue import recent

REMEMBERED = 600.0  # seconds after its end: who asks again within them, asks "since" the first time

_CURRENT = r"""
    SELECT b.key, (regexp_match(b.key, '^route:(\d+)'))[1]::bigint, (regexp_match(b.key, '/site:(\d+)$'))[1]::bigint,
        b.slowed_cause, b.refused_rate, b.slowed_since, b.slowed_until,
        extract(epoch FROM clock_timestamp() - b.slowed_at)::float8
    FROM delivery_bucket b WHERE b.slowed_until > now()
"""
_LOCK = """
    SELECT refused_rate, extract(epoch FROM clock_timestamp() - slowed_at)::float8,
        extract(epoch FROM closed_until - clock_timestamp())::float8
    FROM delivery_bucket WHERE key = %s FOR UPDATE
"""
_SLOW = """
    UPDATE delivery_bucket SET slowed_at = statement_timestamp(), refused_rate = %(refused)s, slowed_cause = %(cause)s,
        slowed_since = CASE WHEN slowed_until > now() - %(remembered)s * interval '1 second' THEN slowed_since
            ELSE statement_timestamp() END,
        slowed_until = statement_timestamp() + %(lasts)s * interval '1 second'
    WHERE key = %(key)s
"""
# The first to be refused knows what it sent itself: what others got through at the same time is not written down yet,
# and each of them tells it once.
_TOGETHER = """
    UPDATE delivery_bucket SET refused_rate = least(refused_rate + %(measured)s, greatest(refused_rate, %(rate)s))
    WHERE key = %(key)s AND slowed_since = slowed_at
"""


# What workers have bought ahead at the old rate they buy again; those that have not heard it yet go on for a second.
_SOLD_AHEAD = "UPDATE delivery_bucket SET next_at = least(next_at, now() + interval '1 second') WHERE key = %s"


@dataclass(frozen=True, slots=True)
class Slowdown:
    """One provider over one direct route (or one route as a whole, `site` None) that is sent to more slowly.

    Rates are messages a second. `until` is when it is over if nobody asks again.
    """

    key: str
    route: int
    site: int | None
    cause: str
    refused: float
    since: datetime
    until: datetime
    age: float  # unscaled seconds since the last refusal, when this was read

    def rate(self, later: float = 0.0) -> float:
        """The rate, so many (scaled) seconds after this was read."""
        return adapting.rate(self.refused, self.age + later / settings.TIME_SCALE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer that asks us to slow down, as the worker that got it knows it. Times are (scaled) seconds."""

    key: str
    route: int
    site: int | None
    cause: str
    sent: float  # ago, the message was handed to the wire
    taken: float  # ago, the server took a message from this worker; infinite if it never did
    measured: float = 0.0  # messages a second that it took from this worker
    rate: float = math.inf  # that the limits allowed, without the slowing
    opening: bool = False  # no connection came about


def current() -> list[Slowdown]:
    """All of the install: nearly always none or a few rows."""
    scale = settings.TIME_SCALE
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT)
        return [
            Slowdown(key, route, site, cause, refused, since, until, age / scale)
            for key, route, site, cause, refused, since, until, age in cursor.fetchall()
        ]


def of_mailing(mailing: Mailing) -> list[Slowdown]:
    """Those that hold this mailing back: of its routes, and of sites that it has people at. Newest first."""
    routes = set(mailing.mailing_routes.values_list("route_id", flat=True))
    found = [one for one in current() if one.route in routes]
    sites = _sites(mailing, {one.site for one in found if one.site is not None})
    return sorted((one for one in found if one.site is None or one.site in sites), key=lambda one: one.key)


def _sites(mailing: Mailing, asked: set[int]) -> set[int]:
    if not asked:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT site FROM unnest(%(sites)s::bigint[]) AS site WHERE"
            " EXISTS (SELECT FROM delivery_run WHERE mailing_id = %(mailing)s AND site_id = site AND cursor <= last)"
            " OR EXISTS (SELECT FROM delivery_messageexception"
            " WHERE mailing_id = %(mailing)s AND state = 1 AND site_id = site)",
            {"sites": list(asked), "mailing": mailing.pk},
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def heard(refusal: Refusal) -> float | None:
    """Somebody asks us to slow down: the seconds for which nothing may go there; 0 where it goes on, more slowly; None
    where that is known already.

    Where nothing got through since the last time, it is not the speed: the door is shut, for a second first, doubling.
    """
    scale = settings.TIME_SCALE
    buckets.ensure([refusal.key])
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [refusal.key])
        refused, age, closed = cursor.fetchone()
    if closed is not None and closed > 0:
        return float(closed)
    ages = (math.inf if age is None else age / scale, refusal.sent / scale)
    if not adapting.counts(*ages):
        _together(refusal)
        return _shut(refusal) if refusal.opening else None
    went = refusal.rate
    if refused is not None and ages[0] < math.inf:
        went = min(went, adapting.rate(refused, ages[0] - ages[1]))
    by_all = recent.taken(refusal.route, refusal.site, adapting.measured_over(went) * scale)
    measured = max(refusal.measured, by_all)  # what was taken a moment ago is not yet written down
    if not measured or not _got_through_since(refusal, age):
        # A server that is just "busy", and was not seen at work a moment ago, is one that fails.
        asks = ages[0] < REMEMBERED or CAUSES[refusal.cause].category is not Category.REMOTE_BUSY
        return _shut(refusal, gently=asks)
    _slow(refusal, adapting.refused_rate(went, measured, refused or 0.0, ages[0]))
    return _shut(refusal) if refusal.opening else 0.0


def _got_through_since(refusal: Refusal, seconds: float | None) -> bool:
    """This worker knows at once, of the others what is written down."""
    if seconds is None or refusal.taken < seconds:
        return True
    return recent.taken(refusal.route, refusal.site, seconds) > 0


def _shut(refusal: Refusal, *, gently: bool = True) -> float:
    return buckets.close(refusal.key, refusal.cause, gently=gently)


def _slow(refusal: Refusal, refused: float) -> None:
    lasts = adapting.lasts(refused, adapting.free(refused, _limit(refusal.route, refusal.site)))
    with connection.cursor() as cursor:
        cursor.execute(
            _SLOW,
            {
                "key": refusal.key, "cause": refusal.cause, "refused": refused,
                "lasts": lasts * settings.TIME_SCALE, "remembered": REMEMBERED * settings.TIME_SCALE,
            },
        )  # fmt: skip
        cursor.execute(_SOLD_AHEAD, [buckets.slow_key(refusal.key)])


def _together(refusal: Refusal) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TOGETHER, {"key": refusal.key, "measured": refusal.measured, "rate": refusal.rate})


def _limit(route: int, site: int | None) -> float:
    """The rate that is set for this route and site, whoever sends."""
    here = Limit.objects.filter(
        Q(route=route) | Q(route=None), Q(site=site) | Q(site=None), sending_domain=None, workspace=None
    )
    return buckets.narrowest(buckets.Scope("", buckets.rates(limit)) for limit in here)
