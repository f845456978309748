"""The addresses that a brake holds back, in few lines: where they are, and why they would be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from delivery.models import AddressFailure

if TYPE_CHECKING:
    from accounts.models import Workspace

LOOKED_AT, SHOWN = 10_000, 6  # of the newest addresses; lines

_GROUPS = """
    SELECT split_part(address_key, '@', -1), reason, count(*) FROM (
        SELECT address_key, reason FROM delivery_addressfailure
        WHERE workspace_id = %s AND state = %s AND state IN (2, 4) ORDER BY id DESC LIMIT %s
    ) newest GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


@dataclass(frozen=True)
class Group:
    """Addresses at one domain that are held for one reason (of Suppression)."""

    domain: str
    reason: str
    addresses: int


@dataclass(frozen=True)
class Held:
    """`groups`, largest first; `others` are the addresses of the groups that are not shown."""

    groups: list[Group]
    total: int
    others: int

    @property
    def more(self) -> bool:
        """There may be more than were looked at."""
        return self.total == LOOKED_AT


def held(workspace: Workspace) -> Held:
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [workspace.pk, AddressFailure.State.HELD, LOOKED_AT])
        groups = [Group(*row) for row in cursor.fetchall()]
    shown, rest = groups[:SHOWN], groups[SHOWN:]
    return Held(shown, sum(one.addresses for one in groups), sum(one.addresses for one in rest))
