"""What became of several mailings at once, for the rows of a list: as their reports say it, in three queries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from analytics import reports
from analytics.deeds import Deed
from analytics.models import MailingDeed
from analytics.pace import WINDOW, Minute, pace
from analytics.words import rate_words
from campaigns.listing import Figures
from delivery import warmups
from delivery.models import Mailing
from delivery.queue.counts import Counts, counts_of
from delivery.warmups import Forecast


def figures(mailings: Iterable[Mailing]) -> dict[int, Figures]:
    """By mailing id; they have all begun."""
    by_id, now = {one.pk: one for one in mailings}, timezone.now()
    clicked = dict(MailingDeed.objects.filter(mailing__in=by_id, deed=Deed.CLICKED).values_list("mailing", "n"))
    running = [key for key, one in by_id.items() if one.state == Mailing.State.SENDING]
    recent = reports.minutes_of(running, since=now - timedelta(minutes=WINDOW + 1)) if running else {}
    warm_ups = warmups.forecasts(by_id[key] for key in running)
    return {
        key: Figures(
            counted,
            clicked.get(key, 0),
            _pace(by_id[key], counted, recent.get(key, []), now, warm_ups.get(key)) if key in running else "",
        )
        for key, counted in counts_of(by_id).items()
    }


def _pace(mailing: Mailing, counted: Counts, recent: list[Minute], now: datetime, warm_up: Forecast | None) -> str:
    """Only the last minutes are read, so that no average is said."""
    if counted.only_retries_left:
        return ""
    tried = counted.tried + counted.retrying
    going = pace(recent, waiting=counted.waiting, tried=tried, started_at=mailing.started_at or now, now=now)
    return rate_words(going, counted, warm_up)
