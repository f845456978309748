"""What pauses by itself, saying why: a route whose set-up is wrong, a campaign that does harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from accounts import audit
from accounts.models import Workspace
from delivery import mailings, spikes
from delivery.models import Brakes, Mailing, Route, Tally, Watch

if TYPE_CHECKING:
    from django.forms import ModelForm

    from accounts.audit import Actor


@transaction.atomic
def pause_route(route_id: int, cause: str) -> bool:
    """Nothing leaves by it from the next gate on, and nobody is failed for it.

    Campaigns that have no other open route pause with the same cause, so that whoever scheduled them is told.
    """
    if not Route.objects.filter(Q(paused_at=None) | Q(drain=True), pk=route_id).update(
        paused_at=timezone.now(), pause_reason=cause, paused_by="", drain=False
    ):
        return False
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING, routes=route_id, kind=Mailing.Kind.CAMPAIGN):
        if not mailing.routes.filter(paused_at=None).exists():
            mailings.pause(mailing, cause)
    return True


def of(workspace: Workspace) -> Brakes:
    """Its thresholds: those set, else the defaults in a row that is not stored yet."""
    return Brakes.objects.filter(workspace=workspace).first() or Brakes(workspace=workspace)


@transaction.atomic
def save(form: ModelForm[Brakes], *, actor: Actor) -> None:
    """Set what `of` a workspace says. The form is valid."""
    set_to = form.save()
    audit.record(actor, set_to.workspace, "brakes.saved", set_to.workspace, fields=form.changed_data)


def look() -> int:
    """Campaigns under way whose newest tries are over a threshold pause with the cause. Returns how many did.

    A few rows for each campaign that sends, whatever its size.
    """
    delivered = Tally.objects.filter(mailing=OuterRef("mailing"), name="delivered").values("n")
    watched = Watch.objects.filter(mailing__state=Mailing.State.SENDING, mailing__kind=Mailing.Kind.CAMPAIGN)
    rows = watched.select_related("mailing__workspace__brakes").annotate(delivered=Subquery(delivered))
    return sum(_judge(row) for row in rows)


def _judge(row: Watch) -> bool:
    workspace = row.mailing.workspace
    brakes = getattr(workspace, "brakes", None) or Brakes(workspace=workspace)
    seen = spikes.Seen(
        tries=row.tries + row.tries_before,
        unknown_users=row.unknown_users + row.unknown_users_before,
        blocks=row.blocks + row.blocks_before,
        complaints=row.complaints,
        delivered=row.delivered or 0,  # type: ignore[attr-defined]  # annotated
    )
    found = spikes.spike(seen, spikes.Allowed(brakes.unknown_users, brakes.blocks, brakes.complaints))
    if found is None:
        return False
    figures = {"number": found.number, "of": found.of, "percent": float(found.percent)}
    return mailings.pause(row.mailing, found.cause, figures)
