"""The safety wave: a campaign's first few, then a wait, then everybody else, unless the brakes have stopped it.

All of it is in the database. The runs of whoever is not in the wave are held, and no lease is carved from a held run:
never are more marked than the wave has people, whatever dies meanwhile. Tries again are those of the wave.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from delivery.models import Mailing, Run
from delivery.spikes import LEAST_TRIES

# Those of the wave who were never tried, where every route is paused for them. Of `m`, a mailing.
_KEPT = """
    SELECT coalesce(sum(n), 0) FROM (
        SELECT site_id, last - cursor + 1 AS n FROM delivery_run
        WHERE mailing_id = m.id AND NOT held AND cursor <= last
        UNION ALL
        SELECT f.site_id, 1 FROM delivery_deferral f JOIN delivery_message q ON q.id = f.message_id AND q.state = 0
        WHERE f.mailing_id = m.id AND f.lease_id IS NULL
    ) waiting
    WHERE NOT EXISTS (
        SELECT FROM delivery_mailingroute o JOIN delivery_route r ON r.id = o.route_id AND r.paused_at IS NULL
        WHERE o.mailing_id = m.id AND NOT EXISTS (
            SELECT FROM delivery_bucket b WHERE r.kind = 'direct' AND b.paused_at IS NOT NULL
                AND b.key = 'route:' || r.id || '/site:' || waiting.site_id
        )
    )
"""
# Answered: nine of ten, since a provider that does not answer for hours must not hold everybody else back. Who waits
# for a person to resume something counts for neither side, as long as the brakes can judge by the others.
_WAIT = f"""
    UPDATE delivery_mailing m SET wave_until = now() + m.wave_wait * %(scale)s
    WHERE m.state = 'sending' AND m.wave_size IS NOT NULL AND m.wave_over_at IS NULL AND m.wave_until IS NULL
        AND (
            SELECT coalesce(sum(n), 0) FROM delivery_tally t WHERE t.mailing_id = m.id
                AND t.name IN ('delivered', 'deferred', 'failed', 'uncertain', 'held', 'cancelled')
        ) >= 0.9 * greatest(m.wave_size - ({_KEPT}), least(m.wave_size, %(least)s / 0.9))
"""
_WAITED = """
    SELECT id FROM delivery_mailing
    WHERE state = 'sending' AND wave_size IS NOT NULL AND wave_over_at IS NULL AND wave_until <= now()
"""


def cut(mailing: Mailing) -> None:
    """Hold all but the first `wave_size`, of each run its share. Where there are no more, there is no wave."""
    if mailing.wave_size is None:
        return
    if mailing.expanded <= mailing.wave_size:
        mailing.wave_over_at = timezone.now()
        return
    runs = list(Run.objects.filter(mailing=mailing, cursor__lte=F("last")).order_by("pk"))
    for run, number in zip(runs, shares(mailing.wave_size, [run.last - run.cursor + 1 for run in runs]), strict=True):
        _cut(run, run.cursor + number)


def _cut(run: Run, rest: int) -> None:
    """From the id `rest` on it is held."""
    if rest > run.last:
        return
    Run.objects.create(
        mailing_id=run.mailing_id, lane=run.lane, site_id=run.site_id, first=rest, last=run.last, cursor=rest, held=True
    )
    run.last = rest - 1
    run.save(update_fields=["last"])


def shares(size: int, people: Sequence[int]) -> list[int]:
    """`size` spread over groups of people by their share: the largest remainders get what is left over."""
    total = sum(people)
    found = [size * number // total for number in people]
    order = sorted(range(len(people)), key=lambda at: (-(size * people[at] % total), at))
    for at in order[: size - sum(found)]:
        found[at] += 1
    return found


def advance() -> None:
    """Begin to wait where a wave was answered; go on where one has waited. The brakes have looked before."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITED)
        waited = [row[0] for row in cursor.fetchall()]
        cursor.execute(_WAIT, {"scale": settings.TIME_SCALE, "least": LEAST_TRIES})
    for key in waited:
        go_on(key)


def kept(mailing: Mailing) -> int:
    """How many of a wave that is not answered yet wait for a paused provider or route. Reads its people's rows only."""
    if not mailing.in_wave or mailing.wave_until is not None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ({_KEPT}) FROM delivery_mailing m WHERE m.id = %s", [mailing.pk])
        return int(cursor.fetchone()[0])


@transaction.atomic
def go_on(mailing: int) -> bool:
    """Everybody else may be leased too. False when there was no wave, or it is over."""
    now, open_states = timezone.now(), (Mailing.State.SENDING, Mailing.State.PAUSED)
    waving = Mailing.objects.filter(pk=mailing, wave_size__isnull=False, wave_over_at=None, state__in=open_states)
    if not waving.update(wave_over_at=now):
        return False
    Run.objects.filter(mailing=mailing, held=True).update(held=False)
    return True
