"""From a wall time in a zone to an instant. Pure."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class BadTime(ValueError):
    """A time that cannot be scheduled; `reason` says why, in the reader's language."""

    def __init__(self, reason: Promise) -> None:
        super().__init__(str(reason))
        self.reason = reason


def instant(wall: datetime, zone: str, *, now: datetime) -> datetime:
    """The UTC instant of the naive `wall` time in the IANA `zone`.

    An hour that happens twice means its first time. Raises BadTime for an hour that summer time skips,
    for the past, and for a zone that does not exist.
    """
    try:
        where = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise BadTime(_("There is no such time zone.")) from error
    if not now.year - 1 <= wall.year <= now.year + 2:  # beyond them datetime may overflow
        raise BadTime(_("This is more than a year away."))
    when = wall.replace(tzinfo=where, fold=0).astimezone(UTC)
    if when.astimezone(where).replace(tzinfo=None) != wall:
        raise BadTime(_("This time does not exist on that day: the clocks go forward. Choose a later hour."))
    if when <= now:
        raise BadTime(_("This time has passed. Choose a later one."))
    if when > now + timedelta(days=366):
        raise BadTime(_("This is more than a year away."))
    return when
