"""Telling whoever scheduled a campaign how it went: finished, paused by itself, or with people held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import notices
from campaigns.models import Campaign
from delivery import knowledge, spike_words
from delivery.models import Mailing
from delivery.own_causes import OWN_CAUSES
from delivery.queue.counts import counts

BATCH = 50
FINISHED, PAUSED, HELD = "campaign.finished", "campaign.paused", "campaign.held"
TAKEN_BACK = "campaign.taken_back"


def announce() -> int:
    """One slice of the tick. Each campaign is told once for each thing that happened. Returns how many were."""
    return sum(_announce(kind, campaign) for kind, campaign in _news()[:BATCH])


def _news() -> list[tuple[str, Campaign]]:
    rows = Campaign.objects.select_related("mailing", "scheduled_by", "workspace")
    finished = rows.filter(mailing__state=Mailing.State.FINISHED, mailing__announced_at=None)
    paused = rows.filter(mailing__state=Mailing.State.PAUSED).exclude(mailing__pause_reason="manual")
    paused = paused.filter(paused_told="")
    held = rows.filter(mailing__tallies__name="held", mailing__tallies__n__gt=0, held_told=False)
    return [
        *((FINISHED, one) for one in finished[:BATCH]),
        *((PAUSED, one) for one in paused[:BATCH]),
        *((HELD, one) for one in held[:BATCH]),
    ]


@transaction.atomic
def _announce(kind: str, campaign: Campaign) -> bool:
    """Marked and told in one transaction, so that nobody is told twice."""
    if not _mark(kind, campaign):
        return False
    person, mailing = campaign.scheduled_by, campaign.mailing
    if person is not None and mailing is not None:
        now = counts(mailing)
        params = {
            "name": str(campaign),
            "delivered": now.delivered,
            "failed": now.failed,
            "held": now.held,
            "people": now.will_receive,
            "reason": mailing.pause_reason,
            "figures": mailing.pause_figures,
        }
        notices.send(
            [person], campaign.workspace, kind, params=params, url=reverse("campaigns:report", args=[campaign.pk])
        )
    return True


def _mark(kind: str, campaign: Campaign) -> bool:
    if kind == FINISHED:
        rows = Mailing.objects.filter(campaign=campaign, announced_at=None)
        return bool(rows.update(announced_at=timezone.now()))
    if kind == PAUSED:
        reason = campaign.mailing.pause_reason if campaign.mailing else ""
        return bool(Campaign.objects.filter(pk=campaign.pk, paused_told="").update(paused_told=reason))
    return bool(Campaign.objects.filter(pk=campaign.pk, held_told=False).update(held_told=True))


def finished_words(params: Mapping[str, Any]) -> str:
    return _("“%(name)s” has finished: %(delivered)s of %(people)s delivered, %(failed)s failed.") % _figures(params)


def paused_words(params: Mapping[str, Any]) -> str:
    cause = str(params["reason"])
    language = (translation.get_language() or "en")[:2]
    own = OWN_CAUSES[cause].title if cause in OWN_CAUSES else cause
    why = knowledge.explain(cause, language).title if cause in knowledge.CAUSES else own
    counted = spike_words.counted(cause, params.get("figures", {}))
    words = _("“%(name)s” paused itself: %(why)s") % {"name": params["name"], "why": why}
    return _("%(words)s. %(counted)s") % {"words": words, "counted": counted} if counted else words


def held_words(params: Mapping[str, Any]) -> str:
    words = ngettext(
        "“%(name)s”: %(held)s person is held and waits for your decision.",
        "“%(name)s”: %(held)s people are held and wait for your decision.",
        int(params["held"]),
    )
    return words % _figures(params)


def taken_back_words(params: Mapping[str, Any]) -> str:
    return _("“%(name)s” was not sent: %(why)s. It is a draft again; nothing went out.") % params


def _figures(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in params.items()}


def register() -> None:
    notices.register(FINISHED, finished_words)
    notices.register(PAUSED, paused_words)
    notices.register(HELD, held_words)
    notices.register(TAKEN_BACK, taken_back_words)
