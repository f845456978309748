"""What a person did with a mail, from its raw opens and clicks. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass


class Deed(enum.StrEnum):
    """One figure of the report. People but for MACHINE_CLICKS, which are clicks."""

    OPENED = "opened"  # an open that no machine made, or a click
    MACHINE_OPENED = "machine_opened"  # only machines opened it
    CLICKED = "clicked"
    MACHINE_CLICKS = "machine_clicks"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Signs:
    """How many events of each kind one message has."""

    opens: int = 0
    machine_opens: int = 0
    clicks: int = 0
    machine_clicks: int = 0
    unsubscribes: int = 0
    complaints: int = 0


def deeds(signs: Signs) -> Counter[Deed]:
    """A person who clicks has opened, whatever loaded the picture."""
    opened = bool(signs.opens or signs.clicks)
    return Counter(
        {
            Deed.OPENED: int(opened),
            Deed.MACHINE_OPENED: int(bool(signs.machine_opens) and not opened),
            Deed.CLICKED: int(bool(signs.clicks)),
            Deed.MACHINE_CLICKS: signs.machine_clicks,
            Deed.UNSUBSCRIBED: int(bool(signs.unsubscribes)),
            Deed.COMPLAINED: int(bool(signs.complaints)),
        }
    )


def difference(before: Signs, after: Signs) -> dict[Deed, int]:
    """What changes in the figures when a message's signs go from `before` to `after`."""
    was, now = deeds(before), deeds(after)
    return {deed: now[deed] - was[deed] for deed in Deed if now[deed] != was[deed]}
