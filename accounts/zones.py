"""Time zones people can choose: IANA names with their offset of today. Pure but for the tz database."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo

# Families of aliases and fixed offsets, which know no summer time.
_NOT_PLACES = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")


@functools.cache
def names() -> list[str]:
    """Places (Area/City) and UTC, by name."""
    places = (name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(_NOT_PLACES))
    return ["UTC", *sorted(places)]


def choices(now: dt.datetime | None = None) -> list[tuple[str, str]]:
    """(name, name with its offset now), such as ("Asia/Tokyo", "Asia/Tokyo (UTC+9)")."""
    now = now or dt.datetime.now(dt.UTC)
    return [(name, f"{name.replace('_', ' ')} ({_offset(name, now)})") for name in names()]


def _offset(name: str, now: dt.datetime) -> str:
    delta = now.astimezone(zoneinfo.ZoneInfo(name)).utcoffset() or dt.timedelta()
    minutes = round(delta.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")
