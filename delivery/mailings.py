"""The verbs of a mailing: made, started, paused, resumed, stopped, taken back. Each from a named state, once.

A verb answers True when it changed something; False means that somebody else was first, or that the mailing was not
in a state for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from delivery import letters
from delivery.models import Mailing, MailingRoute, Route, Tally, Watch
from delivery.queue import events, remainders, waves
from delivery.queue.expand import expand_rcpts

if TYPE_CHECKING:
    from accounts.models import Workspace
    from contacts.models import Contact
    from delivery.models import Content, FromAddress, PeopleSet

State = Mailing.State
GIVE_UP_AFTER = timedelta(hours=72)
WAVE_WAIT = timedelta(minutes=30)
MANUAL = "manual"


class NotLive(ValueError):
    """The sending domain may only use the sandbox: it is not verified, not switched live, or made for the sandbox."""


@transaction.atomic
def create(
    *,
    workspace: Workspace,
    kind: Mailing.Kind,
    content: Content,
    from_address: FromAddress,
    routes: Sequence[Route],
    name: str = "",
    page: str = "",
    reply_to: str = "",
    include_lists: Sequence[int] = (),
    exclude_lists: Sequence[int] = (),
    people_set: PeopleSet | None = None,
    start_at: datetime | None = None,
    give_up_after: timedelta = GIVE_UP_AFTER,
    wave_size: int | None = None,
    wave_wait: timedelta = WAVE_WAIT,
) -> Mailing:
    """A mailing to lists, or to a set of people as far as the lists allow it.

    It starts at `start_at` (None: at the next tick) and can be taken back until then. With a `wave_size` so many get it
    first; the others when they have been answered and `wave_wait` has passed.

    Raises NotLive: whatever a page has checked, nothing leaves this server in the name of a domain that is not live.
    """
    _check_live(from_address, routes)
    mailing = Mailing.objects.create(
        workspace=workspace,
        kind=kind,
        name=name,
        page=page,
        content=content,
        from_address=from_address,
        reply_to=reply_to,
        tracking_url=from_address.sending_domain.tracking_url,
        include_lists=list(include_lists),
        exclude_lists=list(exclude_lists),
        people_set=people_set,
        start_at=start_at,
        give_up_after=give_up_after,
        wave_size=wave_size,
        wave_wait=wave_wait,
    )
    mailing.letterhead = letters.letterhead(mailing)
    mailing.save(update_fields=["letterhead"])
    MailingRoute.objects.bulk_create(
        MailingRoute(mailing=mailing, route=route, order=order) for order, route in enumerate(routes)
    )
    return mailing


@transaction.atomic
def post(
    *,
    workspace: Workspace,
    kind: Mailing.Kind,
    content: Content,
    from_address: FromAddress,
    routes: Sequence[Route],
    rcpts: Sequence[str],
    as_contact: Contact | None = None,
    name: str = "",
    page: str = "",
    reply_to: str = "",
    give_up_after: timedelta = GIVE_UP_AFTER,
) -> Mailing:
    """A mailing to typed addresses (tests, opt-in, notices): queued when this returns, so that a page may say so.

    With `as_contact` the letter shows that person's values. Raises NotLive, and BadAddress for an address that none is.
    """
    mailing = create(
        workspace=workspace,
        kind=kind,
        content=content,
        from_address=from_address,
        routes=routes,
        name=name,
        page=page,
        reply_to=reply_to,
        give_up_after=give_up_after,
    )
    Mailing.objects.filter(pk=mailing.pk).update(rcpts=list(rcpts), as_contact=as_contact)
    expand_rcpts(mailing, rcpts)
    mailing.refresh_from_db()
    return mailing


def _check_live(from_address: FromAddress, routes: Sequence[Route]) -> None:
    domain = from_address.sending_domain
    for route in routes:
        if route.kind != Route.Kind.SANDBOX and (domain.sandbox or not domain.live):
            raise NotLive(f"{domain.name} over {route.name}")


def start_now(mailing: Mailing) -> bool:
    """Do not wait for `start_at`. The next tick expands it."""
    return bool(Mailing.objects.filter(pk=mailing.pk, state=State.WAITING).update(start_at=timezone.now()))


@transaction.atomic
def unschedule(mailing: Mailing) -> bool:
    """Take it back before anybody was queued: the mailing is gone afterwards."""
    locked = Mailing.objects.select_for_update().filter(pk=mailing.pk, state=State.WAITING).first()
    if locked is None:
        return False
    locked.delete()
    return True


def pause(mailing: Mailing, reason: str = MANUAL, figures: Mapping[str, Any] | None = None) -> bool:
    """No new marks from the next gate on; what is on the way finishes. `reason` is "manual" or a cause id."""
    columns = {"pause_reason": reason, "pause_figures": dict(figures or {}), "paused_at": timezone.now()}
    return _move(mailing, (State.SENDING,), State.PAUSED, **columns)


@transaction.atomic
def resume(mailing: Mailing) -> bool:
    """Go on where it was. Its clock stood still: the pause does not count towards giving anybody up.

    What was counted before cannot pause it again.
    """
    kept = Mailing.objects.filter(pk=mailing.pk).values_list("paused_at", "stood_still").first()
    if kept is None:
        return False
    paused_at, stood_still = kept
    if paused_at is not None:
        stood_still += timezone.now() - paused_at
    columns: dict[str, Any] = {
        "pause_reason": "",
        "pause_figures": {},
        "paused_at": None,
        "stood_still": stood_still,
    }
    # Before the mailing's row, as whoever settles tries locks them.
    Watch.objects.filter(mailing=mailing, mailing__state=State.PAUSED).delete()
    return _move(mailing, (State.PAUSED,), State.SENDING, **columns)


@transaction.atomic
def go_on(mailing: Mailing) -> bool:
    """Do not wait for the safety wave any longer, also where it is paused: everybody else may have it now."""
    if not Mailing.objects.get(pk=mailing.pk).in_wave:
        return False
    resume(mailing)
    return waves.go_on(mailing.pk)


def stop(mailing: Mailing) -> bool:
    """For good: who still waits will not get it. They are cancelled in slices by the tick and stay as a list."""
    return _move(mailing, (State.WAITING, State.EXPANDING, State.SENDING, State.PAUSED), State.STOPPED)


@transaction.atomic
def release_held(mailing: Mailing) -> int:
    """Try those again that were held (the letter or the route was put right), with a new span before it gives up.

    Of a stopped mailing nobody is tried again.
    """
    # Before the mailing's row, as whoever settles outcomes locks them.
    Tally.objects.select_for_update(no_key=True).filter(mailing=mailing, name="held").first()
    if Mailing.objects.select_for_update(of=("self",), no_key=True).get(pk=mailing.pk).state == State.STOPPED:
        return 0
    number = remainders.release_held(mailing.pk)
    if number:
        _wait_anew(mailing)
    return number


@transaction.atomic
def drop_held(mailing: Mailing) -> int:
    """Give up on those that were held."""
    return remainders.cancel_held(mailing.pk)


def give_up_at(mailing: Mailing) -> datetime | None:
    """When the first of those who wait may be given up; None before it began to send.

    Of a campaign: those who were tried at its very start. Who was tried later is given up so much later.
    """
    if mailing.started_at is None:
        return None
    return mailing.started_at + mailing.stood_still + mailing.give_up_after * float(settings.TIME_SCALE)


def _wait_anew(mailing: Mailing) -> None:
    """Whoever was put back has all the time that was given, from now; when it began does not change.

    Of a campaign their own next try begins it.
    """
    timed = Mailing.objects.filter(pk=mailing.pk, started_at__isnull=False)
    timed.exclude(kind__in=Mailing.BULK).update(stood_still=timezone.now() - F("started_at"))


@transaction.atomic
def _move(mailing: Mailing, before: Sequence[Mailing.State], after: Mailing.State, **columns: object) -> bool:
    locked = (
        Mailing.objects.select_for_update(of=("self",), no_key=True).filter(pk=mailing.pk, state__in=before).first()
    )
    if locked is None:
        return False
    Mailing.objects.filter(pk=locked.pk).update(state=after, **columns)
    events.state_changed(locked, after, why=str(columns.get("pause_reason", "")))
    mailing.refresh_from_db(fields=["state", "pause_reason", "pause_figures", "finished_at"])
    return True
