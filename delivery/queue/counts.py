"""How many of a mailing's people are where. A handful of rows at any size, and the sum is always the expansion."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from delivery.models import Mailing

_COUNTS = """
    SELECT m.id, m.expanded,
        (SELECT coalesce(sum(marked - ended), 0) FROM delivery_lease WHERE mailing_id = m.id AND closed_at IS NULL),
        (SELECT coalesce(jsonb_object_agg(name, n), '{}') FROM delivery_tally WHERE mailing_id = m.id)::text
    FROM delivery_mailing m WHERE m.id = ANY(%s)
"""


@dataclass(frozen=True)
class Counts:
    """People. `will_receive` is the sum of the eight states; `audience` adds those who were left out. Who bounced later
    is one of the delivered."""

    delivered: int = 0
    bounced: int = 0
    retrying: int = 0
    failed: int = 0
    waiting: int = 0
    on_the_way: int = 0
    unknown: int = 0
    held: int = 0
    not_sent: int = 0
    excluded: dict[str, int] = field(default_factory=dict)  # Exclusion.Reason → people

    @property
    def will_receive(self) -> int:
        waiting = self.waiting + self.retrying + self.on_the_way + self.held
        return self.delivered + self.failed + self.unknown + self.not_sent + waiting

    @property
    def excluded_total(self) -> int:
        return sum(self.excluded.values())

    @property
    def audience(self) -> int:
        return self.will_receive + self.excluded_total

    @property
    def finished(self) -> int:
        """People with whom we are done."""
        return self.delivered + self.failed + self.unknown + self.not_sent

    @property
    def tried(self) -> int:
        """The denominator of the delivered rate."""
        return self.delivered + self.failed + self.unknown

    @property
    def kept(self) -> int:
        """People whom a pause holds: those who wait, for the first time or for another try."""
        return self.waiting + self.retrying

    @property
    def only_retries_left(self) -> bool:
        return self.retrying > 0 and not (self.waiting or self.on_the_way)


def counts(mailing: Mailing | int) -> Counts:
    """One snapshot. Raises Mailing.DoesNotExist."""
    key = mailing if isinstance(mailing, int) else mailing.pk
    found = counts_of([key])
    if key not in found:
        raise Mailing.DoesNotExist(key)
    return found[key]


def counts_of(mailings: Iterable[int]) -> dict[int, Counts]:
    """Those of several mailings in one snapshot, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(mailings)])
        return {key: _counts(*figures) for key, *figures in cursor.fetchall()}


def _counts(expanded: int, on_the_way: int, tallies: str) -> Counts:
    tally: dict[str, int] = json.loads(tallies)
    states = ("delivered", "deferred", "failed", "uncertain", "held", "cancelled")
    delivered, deferred, failed, uncertain, held, cancelled = (tally.get(name, 0) for name in states)
    # A retry on the way has the state "retrying" until it ends: those who wait are taken to be on the way first.
    waiting = expanded - delivered - deferred - failed - uncertain - held - cancelled
    from_waiting = min(on_the_way, waiting)
    from_deferred = min(on_the_way - from_waiting, deferred)
    return Counts(
        delivered=delivered, bounced=tally.get("bounced", 0),
        retrying=deferred - from_deferred, failed=failed, waiting=waiting - from_waiting,
        on_the_way=from_waiting + from_deferred, unknown=uncertain, held=held, not_sent=cancelled,
        excluded={name.partition(".")[2]: n for name, n in tally.items() if name.startswith("excluded.") and n},
    )  # fmt: skip
