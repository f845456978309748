"""Delivery health: what became of the mail of a workspace, and why what failed did, read from the hourly roll-ups.

Every figure of the page comes from one set of cells (provider × outcome × cause), so that they add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from analytics import waits
from analytics.deeds import Deed
from analytics.groups import Group, group_of
from analytics.models import HealthHour, MailingDeed
from analytics.reports import RATED

if TYPE_CHECKING:
    from accounts.models import Workspace

PERIODS = (1, 7, 30, 90)  # days
USUAL = 30
TRIED = ("delivered", "failed", "bounced", "retrying", "unknown")
LOST = ("failed", "bounced")  # it did not reach them
TAKEN = ("delivered", "bounced")  # their server took it; the cells hold each person once
# They tell no sender who reported it, so that nobody can complain there as far as we know.
SILENT = frozenset({"gmail", "google_workspace", "icloud", "docomo", "au", "softbank", "rakuten_mobile", "yahoo_japan"})
NAMED = 7  # providers with a column of their own


@dataclass(frozen=True)
class Choice:
    """What the page is asked for. With a mailing the figures are of all of it, whatever the period."""

    workspace: Workspace
    days: int
    sandbox: bool
    until: datetime
    domain: int | None = None
    mailing: int | None = None

    @property
    def since(self) -> datetime:
        """From the beginning of an hour, or of a day in the reader's zone."""
        if self.days == 1:
            return (self.until - timedelta(hours=23)).replace(minute=0, second=0, microsecond=0)
        first = timezone.localtime(self.until) - timedelta(days=self.days - 1)
        return first.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Cell:
    """People at a provider with one outcome and cause. Times are those of the first and the last of them."""

    provider: str
    outcome: str
    cause: str
    n: int
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True)
class Figures:
    """People, in the words of a campaign's report. `tried` = delivered + failed + retrying + unknown. Of the waits: how
    many are known, how many late."""

    delivered: int = 0
    bounced: int = 0  # of the delivered: a report then said that it did not arrive
    failed: int = 0
    retrying: int = 0
    unknown: int = 0
    complaints: int = 0
    reporting: int = 0  # delivered where complaints are told to senders
    waited: int = 0
    late: int = 0
    p95: float | None = None

    @property
    def tried(self) -> int:
        return self.delivered + self.failed + self.retrying + self.unknown

    @property
    def arrived(self) -> int:
        """The delivered, as far as no report said otherwise."""
        return self.delivered - self.bounced

    @property
    def lost(self) -> int:
        """Whom the mail did not reach: the failed, and those that bounced later."""
        return self.failed + self.bounced


@dataclass(frozen=True)
class CauseOf:
    """Everybody whom it did not reach for one cause."""

    cause: str
    people: int
    first_at: datetime | None
    last_at: datetime | None
    trend: list[int] = field(default_factory=list)

    @property
    def group(self) -> Group:
        return group_of(self.cause)


@dataclass(frozen=True)
class Column:
    """A provider of the heat table: whom it did not reach; `tried` is the whole of its shares."""

    provider: str
    tried: int
    lost: dict[Group, int]

    @property
    def rated(self) -> bool:
        return self.tried >= RATED

    @property
    def all_lost(self) -> int:
        return sum(self.lost.values())


@dataclass(frozen=True)
class Health:
    choice: Choice
    figures: Figures
    causes: list[CauseOf]
    columns: list[Column]

    @property
    def groups(self) -> list[Group]:
        """Those that kept mail from somebody."""
        return [group for group in Group if any(column.lost.get(group) for column in self.columns)]


def look(choice: Choice) -> Health:
    cells = cells_of(choice)
    return Health(
        choice=choice, figures=_figures(choice, cells), causes=_causes(choice, cells), columns=columns_of(cells)
    )


def any_mail(workspace: Workspace, *, sandbox: bool) -> bool:
    return HealthHour.objects.filter(workspace=workspace, sandbox=sandbox).exists()


_OF_HOURS = """
    FROM analytics_healthhour
    WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND hour >= %(since)s AND hour <= %(until)s
        AND (%(domain)s::bigint IS NULL OR sending_domain_id = %(domain)s)"""
_CELLS = f"""
    SELECT provider, outcome, cause, sum(n)::bigint, min(first_at), max(last_at) {_OF_HOURS}
    GROUP BY 1, 2, 3 HAVING sum(n) > 0
"""
# Who bounced later stands there with the delivered too.
_OF_MAILING = """
    WITH cells AS (
        SELECT provider, outcome, cause, n FROM analytics_mailingoutcome WHERE mailing_id = %(mailing)s
        UNION ALL
        SELECT provider, 'delivered', '', -n FROM analytics_mailingoutcome
        WHERE mailing_id = %(mailing)s AND outcome = 'bounced'
    )
    SELECT provider, outcome, cause, sum(n)::bigint, NULL, NULL FROM cells GROUP BY 1, 2, 3 HAVING sum(n) > 0
"""
_TREND = f"""
    SELECT cause, (hour AT TIME ZONE %(zone)s)::date - %(first)s::date, date_part('hour', hour - %(since)s)::int,
        sum(n)::bigint {_OF_HOURS} AND outcome IN ('failed', 'bounced') GROUP BY 1, 2, 3
"""
_STEPS = """
    SELECT provider, step, sum(n)::bigint FROM analytics_healthwait
    WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND hour >= %(since)s AND hour <= %(until)s
        AND (%(domain)s::bigint IS NULL OR sending_domain_id = %(domain)s)
    GROUP BY 1, 2 HAVING sum(n) > 0
"""


def parameters(choice: Choice) -> dict[str, Any]:
    """Of every statement over the hours of a choice."""
    return {
        "workspace": choice.workspace.pk, "sandbox": choice.sandbox, "since": choice.since, "until": choice.until,
        "domain": choice.domain, "mailing": choice.mailing, "zone": timezone.get_current_timezone_name(),
        "first": timezone.localtime(choice.since).date(),
    }  # fmt: skip


def cells_of(choice: Choice) -> list[Cell]:
    with connection.cursor() as cursor:
        cursor.execute(_OF_MAILING if choice.mailing else _CELLS, parameters(choice))
        return [Cell(*row) for row in cursor.fetchall()]


def steps_of(choice: Choice) -> dict[str, dict[int, int]]:
    """By provider how long its people waited (`analytics.waits`); of a single mailing nothing is kept."""
    if choice.mailing:
        return {}
    found: dict[str, dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, parameters(choice))
        for provider, step, people in cursor.fetchall():
            found[provider][step] = people
    return found


def _figures(choice: Choice, cells: list[Cell]) -> Figures:
    sums: dict[str, int] = defaultdict(int)
    for cell in cells:
        sums[cell.outcome] += cell.n
    together: dict[int, int] = defaultdict(int)
    for steps in steps_of(choice).values():
        for step, people in steps.items():
            together[step] += people
    return Figures(
        delivered=sums["delivered"] + sums["bounced"],
        bounced=sums["bounced"],
        failed=sums["failed"],
        retrying=sums["retrying"],
        unknown=sums["unknown"],
        complaints=_complaints(choice) if choice.mailing else sums["complaint"],
        reporting=sum(cell.n for cell in cells if cell.outcome in TAKEN and cell.provider not in SILENT),
        waited=sum(together.values()),
        late=waits.late(together),
        p95=waits.percentile(together, 0.95),
    )


def _complaints(choice: Choice) -> int:
    found = MailingDeed.objects.filter(mailing=choice.mailing, deed=Deed.COMPLAINED).first()
    return found.n if found else 0


def _causes(choice: Choice, cells: list[Cell]) -> list[CauseOf]:
    """Most people first."""
    trends = {} if choice.mailing else _trends(choice)
    by_cause: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.outcome in LOST:
            by_cause[cell.cause].append(cell)
    made = [
        CauseOf(cause, sum(cell.n for cell in members), *seen(members), trends.get(cause, []))
        for cause, members in by_cause.items()
    ]
    return sorted(made, key=lambda row: (-row.people, row.cause))


def seen(cells: Iterable[Cell]) -> tuple[datetime | None, datetime | None]:
    """When the first and when the last of them happened."""
    members = list(cells)
    firsts = [cell.first_at for cell in members if cell.first_at]
    lasts = [cell.last_at for cell in members if cell.last_at]
    return min(firsts, default=None), max(lasts, default=None)


def bars(choice: Choice) -> tuple[int, int]:
    """Of a trend: how many bars, and the hours (of one day) or days of each."""
    return {1: (24, 1), 7: (7, 1), 30: (30, 1), 90: (18, 5)}[choice.days]


def _trends(choice: Choice) -> dict[str, list[int]]:
    count, width = bars(choice)
    found: dict[str, list[int]] = defaultdict(lambda: [0] * count)
    with connection.cursor() as cursor:
        cursor.execute(_TREND, parameters(choice))
        for cause, day, hour, people in cursor.fetchall():
            place = hour if choice.days == 1 else day // width
            if 0 <= place < count:
                found[cause][place] += people
    return found


def columns_of(cells: list[Cell]) -> list[Column]:
    """The largest providers, everybody else in the last one: the sum of all is the sum of the cells."""
    tried: dict[str, int] = defaultdict(int)
    for cell in cells:
        tried[cell.provider] += cell.n if cell.outcome in TRIED else 0
    ranked = sorted((key for key in tried if key != "other" and tried[key]), key=lambda key: -tried[key])
    named = ranked[:NAMED]
    lost: dict[str, dict[Group, int]] = defaultdict(lambda: defaultdict(int))
    whole: dict[str, int] = defaultdict(int)
    for cell in cells:
        column = cell.provider if cell.provider in named else "other"
        whole[column] += cell.n if cell.outcome in TRIED else 0
        if cell.outcome in LOST:
            lost[column][group_of(cell.cause)] += cell.n
    order = [*named, "other"] if whole["other"] else named
    return [Column(key, whole[key], dict(lost[key])) for key in order]
