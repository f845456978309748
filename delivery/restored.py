"""A backup was put back: the database is older than what was sent by it, and campaigns wait for a person.

Seen by the newest mark that this machine keeps: marks are committed before anything of them is sent and never removed
one by one, so that a database without it has lost it. A fresh database has lost it too, and nothing in it to pause.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from delivery import mailings, newest_mark
from delivery.models import Mailing
from delivery.newest_mark import Mark

log = structlog.get_logger(__name__)

CAUSE = "database_restored"
State = Mailing.State
_LEAST_MONTH = 28 * 86_400.0

_KNOWN = """
    SELECT EXISTS (
        SELECT FROM delivery_attempt WHERE lease_id = %s AND ids IS NOT NULL AND %s = ANY(ids)
    )
"""


def look(folder: Path) -> bool:
    """On each new connection of a send process, before anything else is asked of it: no database is put back under a
    connection that lives. Whether campaigns were paused.
    """
    mark = newest_mark.kept(folder)
    if mark is None or _forgotten(mark) or _known(mark):
        return False
    number = pause_campaigns()
    newest_mark.forget(folder)  # only now: a kill before it pauses them once more
    log.error("The database is older than the mail it has sent; campaigns are paused", campaigns=number)
    return True


def _forgotten(mark: Mark) -> bool:
    """The months beyond retention are dropped, and this mark with them."""
    return mark.age > settings.RETENTION_MONTHS * _LEAST_MONTH


def _known(mark: Mark) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [mark.lease, mark.message])
        return bool(cursor.fetchone()[0])


@transaction.atomic
def pause_campaigns() -> int:
    """All that are open. Those still being prepared, and those whose time is past, pause when they are prepared.

    Other mail goes on: it is sent at least once, and has no page on which somebody could resume it.
    """
    campaigns = Mailing.objects.filter(kind=Mailing.Kind.CAMPAIGN)
    due = Q(state=State.WAITING, start_at=None) | Q(state=State.WAITING, start_at__lte=timezone.now())
    # A person who paused it may have resumed it after the backup.
    unsure = Q(state=State.EXPANDING) | due | Q(state=State.PAUSED)
    number = campaigns.filter(unsure).update(pause_reason=CAUSE, pause_figures={})
    return number + sum(mailings.pause(mailing, CAUSE) for mailing in campaigns.filter(state=State.SENDING))
