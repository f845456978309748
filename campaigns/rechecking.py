"""The preflight once more, just before a scheduled send: what went red meanwhile takes it back and tells somebody."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone, translation

from accounts import notices
from campaigns import launching, preflight
from campaigns.models import Campaign
from campaigns.notices import TAKEN_BACK
from delivery.models import Mailing

BEFORE = timedelta(seconds=30)  # a few ticks: one of them is enough


def recheck() -> int:
    """One slice of the tick. Returns how many sends were taken back."""
    due = Campaign.objects.filter(mailing__state=Mailing.State.WAITING, mailing__start_at__lte=timezone.now() + BEFORE)
    # Whoever sends now has just seen the checks; only a time that was chosen can lie far ahead.
    rows = due.exclude(zone="").select_related("workspace", "mailing", "scheduled_by", "from_address__sending_domain")
    return sum(_recheck(campaign) for campaign in rows)


def _recheck(campaign: Campaign) -> bool:
    person = campaign.scheduled_by
    with translation.override(person.language if person else campaign.workspace.language):
        stops = preflight.check(campaign).stops
    if not stops:
        return False
    try:
        launching.undo(campaign, actor=None)
    except launching.TooLate:
        return False
    if person:
        params = {"name": str(campaign), "why": stops[0].title}
        url = reverse("campaigns:send", args=[campaign.pk])
        notices.send([person], campaign.workspace, TAKEN_BACK, params=params, url=url)
    return True
