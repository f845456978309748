"""How many people, at any size: sums of a few small rows, kept by triggers (migration 0002)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Sum

from contacts.models import Count

if TYPE_CHECKING:
    from accounts.models import Workspace

# Two people signing up at one moment while an import runs can miss one another: the nightly recount puts it right.
_RECOUNT = """
WITH gone AS (DELETE FROM contacts_count WHERE workspace_id = %(workspace)s)
INSERT INTO contacts_count (workspace_id, list_id, key, n)
SELECT %(workspace)s, 0, 'people', count(*) FROM contacts_contact
 WHERE workspace_id = %(workspace)s AND erased_at IS NULL
UNION ALL
SELECT %(workspace)s, 0, 'stopped', count(*) FROM contacts_contact c
  JOIN contacts_suppression s USING (workspace_id, address_key)
 WHERE workspace_id = %(workspace)s AND s.released_at IS NULL AND c.erased_at IS NULL
UNION ALL
SELECT %(workspace)s, 0, 'suppressed:' || reason, count(*) FROM contacts_suppression
 WHERE workspace_id = %(workspace)s AND released_at IS NULL GROUP BY reason
UNION ALL
SELECT %(workspace)s, s.list_id, s.state, count(*) FROM contacts_subscription s
  JOIN contacts_list l ON l.id = s.list_id AND l.workspace_id = %(workspace)s GROUP BY s.list_id, s.state
"""
_FOLD = """
WITH taken AS (
  DELETE FROM contacts_count WHERE id IN (SELECT id FROM contacts_count ORDER BY id LIMIT 50000 FOR UPDATE SKIP LOCKED)
  RETURNING workspace_id, list_id, key, n)
INSERT INTO contacts_count (workspace_id, list_id, key, n)
SELECT workspace_id, list_id, key, sum(n) FROM taken t
 WHERE list_id = 0 OR EXISTS (SELECT FROM contacts_list l WHERE l.id = t.list_id)
 GROUP BY 1, 2, 3 HAVING sum(n) <> 0
"""


@dataclass(frozen=True)
class People:
    """The people of a workspace, and those of them whose address is stopped."""

    total: int
    stopped: int


@dataclass(frozen=True)
class Members:
    """Those on a list, and those who left it."""

    subscribed: int = 0
    unsubscribed: int = 0


def people(workspace: Workspace) -> People:
    found = _sums(workspace, [0])
    return People(max(0, found.get((0, "people"), 0)), max(0, found.get((0, "stopped"), 0)))


def suppressed(workspace: Workspace) -> dict[str, int]:
    """Stopped addresses by reason, whether or not they belong to a contact."""
    prefix = "suppressed:"
    sums = _sums(workspace, [0])
    return {key.removeprefix(prefix): n for (_list, key), n in sums.items() if key.startswith(prefix) and n > 0}


def members(workspace: Workspace, list_ids: Iterable[int]) -> dict[int, Members]:
    """For each of these lists. A list without a row yet has nobody."""
    ids = list(list_ids)
    found = _sums(workspace, ids)
    return {pk: Members(found.get((pk, "subscribed"), 0), found.get((pk, "unsubscribed"), 0)) for pk in ids}


def fold() -> None:
    """Add up the oldest deltas into one row a figure; rows that another fold holds are left to it."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD)


def recount(workspace_id: int) -> None:
    """Count again from the records themselves; slow, for the night."""
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT, {"workspace": workspace_id})


def _sums(workspace: Workspace, list_ids: list[int]) -> dict[tuple[int, str], int]:
    rows = (
        Count.objects.filter(workspace_id=workspace.pk, list_id__in=list_ids)
        .values_list("list_id", "key")
        .annotate(total=Sum("n"))
    )
    return {(list_id, key): total for list_id, key, total in rows}
