"""From a draft to a mailing and back: schedule, undo, pause, resume, stop. Each from a named state, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from campaigns import contents, samples
from campaigns.models import Campaign
from delivery import mailings
from delivery.models import Mailing, Route

if TYPE_CHECKING:
    from accounts.audit import Actor
    from accounts.models import User


class NotDraft(Exception):
    """It was scheduled before, perhaps a second ago by a second click. Nothing changed."""


class TooLate(Exception):
    """It has begun to send: it can be paused or stopped, not taken back."""


def undo_window(campaign: Campaign) -> timedelta:
    """How long "send now" waits: shorter in the sandbox, where nothing can go wrong."""
    sandbox = campaign.from_address is not None and campaign.from_address.sending_domain.sandbox
    return timedelta(seconds=settings.SANDBOX_UNDO_SECONDS if sandbox else settings.UNDO_SECONDS)


@transaction.atomic
def schedule(
    campaign: Campaign, *, by: User | None, actor: Actor, at: datetime | None = None, zone: str = ""
) -> Mailing:
    """Freeze the content and make the mailing; without `at` it starts when the undo window is over.

    The caller has run the preflight. Raises NotDraft, and TemplateProblem if the content cannot be frozen.
    """
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if not locked.editable or locked.mailing_id or locked.from_address is None:
        raise NotDraft
    start_at = at or timezone.now() + undo_window(locked)
    mailing = mailings.create(
        workspace=locked.workspace,
        kind=Mailing.Kind.CAMPAIGN,
        name=str(locked),
        page=reverse("campaigns:report", args=[locked.pk]),
        content=contents.freeze(locked, [one.contact for one in samples.samples(locked)]),
        from_address=locked.from_address,
        reply_to=locked.reply_to,
        routes=routes_of(locked),
        include_lists=locked.include_lists,
        exclude_lists=locked.exclude_lists,
        people_set=locked.people_set,
        start_at=start_at,
        give_up_after=timedelta(hours=locked.give_up_hours),
        wave_size=locked.wave or None,
        wave_wait=timedelta(minutes=locked.wave_minutes),
    )
    Campaign.objects.filter(pk=locked.pk).update(
        state=Campaign.State.SCHEDULED, mailing=mailing, send_at=start_at, zone=zone, scheduled_by=by
    )
    audit.record(actor, locked.workspace, "campaign.schedule", locked, start_at=start_at.isoformat(), zone=zone)
    return mailing


def route_of(campaign: Campaign) -> Route | None:
    """The route chosen, else the only sensible one: the sandbox for a sandbox domain, the first other one otherwise."""
    if campaign.from_address is None:
        return None
    sandbox = campaign.from_address.sending_domain.sandbox
    open_to_us = Route.objects.filter(workspaces=campaign.workspace)
    if sandbox:
        return Route.objects.filter(kind=Route.Kind.SANDBOX).first()
    open_to_us = open_to_us.exclude(kind=Route.Kind.SANDBOX)
    # The one chosen may have been taken from this workspace since.
    return open_to_us.filter(pk=campaign.route_id or 0).first() or open_to_us.first()


def routes_of(campaign: Campaign) -> list[Route]:
    """In the order in which they take over from each other."""
    first = route_of(campaign)
    if first is None or first.kind == Route.Kind.SANDBOX:
        return [first] if first else []
    others = Route.objects.filter(workspaces=campaign.workspace, pk__in=campaign.next_routes)
    others = others.exclude(kind=Route.Kind.SANDBOX).exclude(pk=first.pk)
    return [first, *sorted(others, key=lambda route: campaign.next_routes.index(route.pk))]


@transaction.atomic
def undo(campaign: Campaign, *, actor: Actor) -> None:
    """Back to the draft as it was, while nobody was queued. Raises TooLate."""
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if locked.mailing is None or not mailings.unschedule(locked.mailing):
        raise TooLate
    Campaign.objects.filter(pk=locked.pk).update(state=Campaign.State.DRAFT, mailing=None, send_at=None, zone="")
    audit.record(actor, locked.workspace, "campaign.undo", locked)


def start_now(campaign: Campaign, *, actor: Actor) -> bool:
    """Do not wait for the undo window or the hour."""
    done = campaign.mailing is not None and mailings.start_now(campaign.mailing)
    return _recorded(done, campaign, "campaign.start_now", actor)


def pause(campaign: Campaign, *, actor: Actor) -> bool:
    """No new recipients from now on; what is on the way finishes. False if it was not sending."""
    done = campaign.mailing is not None and mailings.pause(campaign.mailing, "manual")
    return _recorded(done, campaign, "campaign.pause", actor)


def resume(campaign: Campaign, *, actor: Actor) -> bool:
    done = campaign.mailing is not None and mailings.resume(campaign.mailing)
    if done:
        Campaign.objects.filter(pk=campaign.pk).update(paused_told="")
    return _recorded(done, campaign, "campaign.resume", actor)


def go_on(campaign: Campaign, *, actor: Actor) -> bool:
    """Do not wait for the safety wave: everybody else too. False if there is none under way."""
    done = campaign.mailing is not None and mailings.go_on(campaign.mailing)
    if done:
        Campaign.objects.filter(pk=campaign.pk).update(paused_told="")
    return _recorded(done, campaign, "campaign.go_on", actor)


def stop(campaign: Campaign, *, actor: Actor) -> bool:
    """For good: nobody who still waits will get it. False if it had ended."""
    done = campaign.mailing is not None and mailings.stop(campaign.mailing)
    return _recorded(done, campaign, "campaign.stop", actor)


def _recorded(done: bool, campaign: Campaign, action: str, actor: Actor) -> bool:
    if done:
        audit.record(actor, campaign.workspace, action, campaign)
    return done
