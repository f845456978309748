"""The route over which they refuse us for what we are, the provider over it, or the sending domain pauses.

One refusal says little: a single firm's filter must not stop a route, nor one person's report a domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from delivery import brakes, mailings
from delivery.models import Bucket, Mailing, Refusals, Watch
from delivery.queue import recent
from delivery.refusals import WINDOW

LEAST = 20  # refusals within the window
SHARE = 0.2  # of the tries there
LEAST_SITES = 3  # that refuse, before it is the route and not they


def look() -> int:
    """Pause what is refused too much. How many."""
    fresh = Refusals.objects.filter(n__gte=LEAST, since__gt=timezone.now() - WINDOW)
    return sum(_pause(row) for row in fresh.filter(Q(told_at=None) | Q(told_at__lt=F("since"))))


@transaction.atomic
def _pause(row: Refusals) -> bool:
    """Once a window: who resumes it by hand is not contradicted at once."""
    owner, _, rest = row.key.partition("/site:")
    kind, _, key = owner.partition(":")
    if kind == "domain":
        paused = _pause_domain(int(key), row.cause)
    elif not _too_many(row, int(key), int(rest) if rest else None):
        return False
    elif rest:
        paused = _pause_site(row)
    else:
        paused = len(row.sites) >= LEAST_SITES and brakes.pause_route(int(key), row.cause)
    if paused:
        Refusals.objects.filter(pk=row.pk).update(told_at=timezone.now())
    return paused


def _too_many(row: Refusals, route: int, site: int | None) -> bool:
    """Of the tries in the time since the counting began, as far as the newest say how many there are."""
    seconds = max((timezone.now() - row.since).total_seconds(), 1.0)
    taken = recent.taken(route, site, recent.SECONDS) * seconds
    return row.n >= SHARE * (row.n + taken)


def _pause_site(row: Refusals) -> bool:
    Bucket.objects.get_or_create(key=row.key)
    held = Bucket.objects.filter(key=row.key, paused_at=None)
    return bool(held.update(paused_at=timezone.now(), paused_by="", closed_cause=row.cause))


def _pause_domain(domain: int, cause: str) -> bool:
    """The campaigns of this domain that are under way and see such refusals themselves."""
    under_way = Mailing.objects.filter(
        state=Mailing.State.SENDING, kind=Mailing.Kind.CAMPAIGN, from_address__sending_domain=domain
    )
    return sum(mailings.pause(mailing, cause) for mailing in _hit(under_way)) > 0


def _hit(under_way: Iterable[Mailing]) -> Sequence[Mailing]:
    by_id = {mailing.pk: mailing for mailing in under_way}
    seen = Watch.objects.filter(mailing__in=by_id).annotate(
        refused=F("blocks") + F("blocks_before"), tried=F("tries") + F("tries_before")
    )
    return [by_id[row.pk] for row in seen if row.refused and row.refused >= SHARE * row.tried]
