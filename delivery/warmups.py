"""Warm-up plans: begun, changed, paused, removed; the cap of the day as one more limit; how long an audience takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from delivery import throttle, warmup
from delivery.models import Bucket, Limit, Mailing, MailingRoute, Route, WarmUp
from delivery.queue import sites
from delivery.queue.counts import counts_of
from delivery.warmup import Today

if TYPE_CHECKING:
    from accounts.audit import Actor

_COUNT = """
    UPDATE delivery_warmup SET sent[day] = greatest(coalesce(sent[day], 0) + %(number)s, 0)
    FROM (
        SELECT id AS plan,
            1 + floor(extract(epoch FROM coalesce(paused_at, clock_timestamp()) - starts_at) / 86400)::int AS day
        FROM delivery_warmup WHERE id = ANY(%(plans)s)
    ) today
    WHERE id = plan AND day BETWEEN 1 AND cardinality(caps)
"""
_WAITING_FOR_SITE = """
    SELECT mailing_id, sum(last - cursor + 1)::bigint FROM delivery_run
    WHERE mailing_id = ANY(%s) AND site_id = %s AND cursor <= last GROUP BY mailing_id
"""


@dataclass(frozen=True, slots=True)
class Day:
    """One row of a plan; `sent` is None for a day that has not come."""

    number: int
    at: datetime
    cap: int
    sent: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as its page tells it. `today` is None before it has begun and when it is over."""

    plan: WarmUp
    today: Today | None
    begun: bool
    days: tuple[Day, ...]
    ends_at: datetime

    @property
    def day(self) -> int:
        """Its number from 1 on; 0 if no day of it is today."""
        return self.today.day + 1 if self.today else 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan means for some people: from `soonest` to `latest` days, the more the more others share it."""

    plan: WarmUp
    today: Today
    soonest: int
    latest: int


# The plan as a limit.


def limits() -> list[Limit]:
    """Of every plan that holds now, the cap of its day: limits that are stored nowhere."""
    now = timezone.now()
    return [
        _limit(plan, today.cap) for plan in WarmUp.objects.filter(starts_at__lte=now) if (today := _today(plan, now))
    ]


def _limit(plan: WarmUp, cap: int) -> Limit:
    limit = Limit(route_id=plan.route_id, site_id=plan.site_id, per_day=cap)
    limit.plan = plan.pk
    return limit


def count(plans: Iterable[int], number: int) -> None:
    """So many were taken (fewer than 0: given back) on this day of these plans."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"plans": list(plans), "number": number})


def warming(route: int | None) -> bool:
    """Whether any plan caps this route now: then whoever reads our mail gets it first."""
    now = timezone.now()
    return any(_today(plan, now) for plan in WarmUp.objects.filter(route=route))


def _today(plan: WarmUp, now: datetime, used: int = 0) -> Today | None:
    day = warmup.day_of(((plan.paused_at or now) - plan.starts_at).total_seconds(), plan.caps)
    return None if day is None else Today(tuple(plan.caps), day, used, plan.paused_at is not None)


# What people do to a plan.


@transaction.atomic
def save(route: Route, provider: str, *, starts_at: datetime, caps: Sequence[int], actor: Actor) -> WarmUp:
    """Begin a plan for a provider ("": all mail), or change the one there is, which then goes on.

    With the same first day, what was sent on its days stays told.
    """
    site = sites.named(provider) if provider else None
    known = WarmUp.objects.filter(route=route, site=site).first()
    plan = known or WarmUp(route=route, site=site)
    if known is None or timezone.localdate(known.starts_at) != timezone.localdate(starts_at):
        plan.starts_at, plan.sent = starts_at, []
    plan.caps, plan.paused_at = list(caps), None
    plan.save()
    audit.record(actor, None, "warm_up.saved", route, provider=provider, days=len(caps))
    return plan


@transaction.atomic
def pause(plan: WarmUp, *, actor: Actor) -> bool:
    """It stays at the cap of this day until it goes on."""
    done = WarmUp.objects.filter(pk=plan.pk, paused_at=None).update(paused_at=timezone.now())
    return _recorded(bool(done), "warm_up.paused", plan, actor)


@transaction.atomic
def resume(plan: WarmUp, *, actor: Actor) -> bool:
    """The day goes on where it was."""
    done = WarmUp.objects.filter(pk=plan.pk, paused_at__isnull=False).update(
        starts_at=F("starts_at") + (timezone.now() - F("paused_at")), paused_at=None
    )
    return _recorded(bool(done), "warm_up.resumed", plan, actor)


@transaction.atomic
def remove(plan: WarmUp, *, actor: Actor) -> bool:
    """Nothing is capped by it from now on. Its bucket stays: a worker may be buying from it."""
    done, _rows = WarmUp.objects.filter(pk=plan.pk).delete()
    return _recorded(bool(done), "warm_up.removed", plan, actor)


def _recorded(done: bool, action: str, plan: WarmUp, actor: Actor) -> bool:
    if done:
        audit.record(actor, None, action, plan.route, provider=plan.site.key if plan.site else "")
    return done


# What a plan means.


def plans_of(route: Route) -> list[WarmUp]:
    """That of the whole route first."""
    return sorted(route.warm_ups.select_related("site"), key=lambda plan: plan.site.key if plan.site else "")


def today(plan: WarmUp) -> Today | None:
    """None before it begins and after its end."""
    now = timezone.now()
    row = Bucket.objects.filter(key=plan.bucket).first()
    used = 0
    if row and row.day_slots_at:
        window = throttle.Window(tuple(row.day_slots), row.day_slots_at.timestamp())
        used = sum(throttle.roll(window, throttle.DAY, now.timestamp()).sold)
    return _today(plan, now, used)


def shown(route: Route) -> list[Shown]:
    """Every plan of a route, day by day."""
    return [_shown(plan) for plan in plans_of(route)] if route.pk else []


def _shown(plan: WarmUp) -> Shown:
    now = today(plan)
    sent = [*(number or 0 for number in plan.sent), *[0] * len(plan.caps)]
    begun = plan.starts_at <= timezone.now()
    last = len(plan.caps) if begun else -1
    reached = now.day if now else last
    days = tuple(
        Day(
            number,
            plan.starts_at + timedelta(days=number - 1),
            cap,
            sent[number - 1] if number <= reached + 1 else None,
        )
        for number, cap in enumerate(plan.caps, start=1)
    )
    return Shown(plan, now, begun, days, plan.starts_at + timedelta(days=len(plan.caps)))


def planned(route: Route, people: int) -> list[Forecast]:
    """For so many people of a campaign that is not sent yet. How many of them are one provider's is not known then."""
    plans = [(plan, now) for plan in plans_of(route) if (now := today(plan))]
    if not plans:
        return []
    others = sum(one.waiting for one in counts_of(_sharing(route)).values())
    return [
        Forecast(plan, now, 0, 0)
        if plan.site
        else Forecast(plan, now, warmup.days(now, people), warmup.days(now, people + others))
        for plan, now in plans
    ]


def forecasts(mailings: Iterable[Mailing]) -> dict[int, Forecast]:
    """By id of those that a plan of their first route keeps beyond today: of the plan that keeps each longest."""
    plans = list(WarmUp.objects.select_related("route", "site"))
    if not plans:
        return {}
    campaigns = [one.pk for one in mailings if one.kind == Mailing.Kind.CAMPAIGN]
    firsts = MailingRoute.objects.filter(mailing__in=campaigns, order=0).values_list("mailing", "route")
    found: dict[int, Forecast] = {}
    for plan in plans:
        mine = [mailing for mailing, route in firsts if route == plan.route_id]
        now = today(plan) if mine else None
        if now is None:
            continue
        waiting = _waiting(plan, {*mine, *_sharing(plan.route)})
        last = warmup.days(now, sum(waiting.values()))
        for key in mine:
            one = Forecast(plan, now, warmup.days(now, waiting.get(key, 0)), last)
            if last and waiting.get(key) and (key not in found or last > found[key].latest):
                found[key] = one
    return found


def _sharing(route: Route) -> list[int]:
    """Campaigns that send over this route first."""
    sending = Q(mailing__state=Mailing.State.SENDING, mailing__kind=Mailing.Kind.CAMPAIGN)
    return list(route.mailingroute_set.filter(sending, order=0).values_list("mailing", flat=True))


def _waiting(plan: WarmUp, mailings: set[int]) -> dict[int, int]:
    """People who wait under this plan. Those of a provider are known where it has a lane of its own."""
    if plan.site_id is None:
        return {key: found.waiting for key, found in counts_of(mailings).items()}
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_FOR_SITE, [list(mailings), plan.site_id])
        return dict(cursor.fetchall())
