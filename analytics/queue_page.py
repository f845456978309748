"""The live queue: by provider what waits, how fast it goes and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from analytics import folding
from delivery import providers
from delivery.buckets import Sender as LimitSender
from delivery.hindrances import Hindrance, Hindrances
from delivery.models import Route, Site
from delivery.queue import live
from delivery.queue.counts import Counts, counts_of
from delivery.queue.live import Lane, Live

ALIVE_SECONDS = 60.0  # a tick comes every two
MIXED, OTHER = "mixed", "other"


class Standstill(StrEnum):
    """Why nothing at all moves although people wait."""

    NO_WORK_WORKER = "no_work_worker"
    NO_SEND_WORKER = "no_send_worker"
    ALL_STOPPED = "all_stopped"


@dataclass(frozen=True)
class Control:
    """What can be paused on this line: a route, or with `site` one provider over it."""

    route: Route
    site: str
    held: Hindrance | None  # by a person's pause, or the route's own


@dataclass
class Row:
    """A provider, all small domains that share lanes (mixed), or everybody over one smarthost (`route`)."""

    key: str
    route: Route | None = None
    waiting: int = 0
    on_the_way: int = 0
    deferred: int = 0
    more: bool = False
    next_at: datetime | None = None
    rests_until: datetime | None = None
    per_minute: float = 0.0
    moves: bool = False  # a mailing here has a route that is open
    hindrances: list[Hindrance] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)

    @property
    def people(self) -> int:
        return self.waiting + self.on_the_way + self.deferred

    @property
    def state(self) -> str:
        """stopped, sending, resting, waiting or retries."""
        if not self.moves and self.hindrances:
            return "stopped"
        if self.per_minute or self.on_the_way:
            return "sending"
        if self.waiting:
            return "resting" if self.rests_until else "waiting"
        return "retries"

    @property
    def several_routes(self) -> bool:
        """The lines must say which they are about."""
        return len({one.route.pk for one in self.hindrances}) > 1

    @property
    def main(self) -> Hindrance | None:
        return next((one for one in self.hindrances if one.stops), None)


@dataclass(frozen=True)
class Queue:
    """`total` is exact and of mailings that send; `paused` are people of paused campaigns."""

    rows: list[Row]
    total: Counts
    paused: int
    per_minute: float
    workers: int
    tick_age: float | None  # seconds
    standstill: Standstill | None
    most: int
    at: datetime

    @property
    def capped(self) -> bool:
        return any(row.more for row in self.rows)


def look(workspace: int | None, *, controls: bool) -> Queue:
    """Of one workspace, or with None of the whole install. `controls`: the reader may pause."""
    found = live.live(workspace)
    sites = {site.pk: site for site in Site.objects.filter(pk__in={one.site for one in found.lanes if one.site})}
    hindrances = Hindrances(
        (route, one.site) for one in found.lanes for route in found.mailings[one.mailing].routes
    )  # fmt: skip
    rows: dict[str, Row] = {}
    for one in found.lanes:
        key, of_route = _key(one, found, sites)
        row = rows.setdefault(key, Row(key, of_route))
        _add(row, one)
        if one.waiting or one.deferred or one.on_the_way:
            _explain(row, one, found, hindrances)
        if controls:
            _control(row, one, found, sites, hindrances)
    shown = sorted((row for row in rows.values() if row.people or row.per_minute), key=_order)
    counted = counts_of(found.mailings)
    going = [counts for key, counts in counted.items() if found.mailings[key].goes]
    age = folding.tick_age()
    return Queue(
        rows=shown,
        total=_sum(going),
        paused=sum(counted[key].kept for key, one in found.mailings.items() if one.state == "paused"),
        per_minute=sum(row.per_minute for row in shown),
        workers=found.workers,
        tick_age=age,
        standstill=_standstill(shown, found, age),
        most=live.MOST,
        at=timezone.now(),
    )


def _key(one: Lane, found: Live, sites: dict[int, Site]) -> tuple[str, Route | None]:
    if one.site is not None:
        provider = sites[one.site].provider if one.site in sites else ""
        return (provider if provider in providers.named() else OTHER), None
    routes = found.mailings[one.mailing].routes
    if any(route.kind == Route.Kind.DIRECT for route in routes):
        return MIXED, None
    return f"route:{routes[0].pk}", routes[0]


def _order(row: Row) -> tuple[bool, int]:
    return row.key in (MIXED, OTHER), -row.people


def _add(row: Row, one: Lane) -> None:
    row.waiting += one.waiting
    row.on_the_way += one.on_the_way
    row.deferred += one.deferred
    row.more = row.more or one.more
    row.per_minute += one.per_minute
    row.next_at = min(filter(None, (row.next_at, one.next_at)), default=None)
    row.rests_until = min(filter(None, (row.rests_until, one.rests_until)), default=None)


def _explain(row: Row, one: Lane, found: Live, hindrances: Hindrances) -> None:
    """What holds its people back on the way to the first route that is open."""
    mailing = found.mailings[one.mailing]
    sender = LimitSender(mailing.domain, mailing.workspace)
    for route in mailing.routes:
        hindrance = hindrances.of(route, one.site, [sender])
        if hindrance and hindrance not in row.hindrances:
            row.hindrances.append(hindrance)
        if hindrance is None or not hindrance.stops:
            row.moves = True
            return


def _control(row: Row, one: Lane, found: Live, sites: dict[int, Site], hindrances: Hindrances) -> None:
    if row.key == OTHER:
        return
    for route in found.mailings[one.mailing].routes:
        by_site = route.kind == Route.Kind.DIRECT and one.site is not None
        site = sites[one.site].key if by_site and one.site in sites else ""
        if route.kind != Route.Kind.DIRECT and one.site is not None:
            continue  # of a smarthost only the whole can be paused, which has a line of its own
        if any((control.route, control.site) == (route, site) for control in row.controls):
            continue
        stop = hindrances.paused(route, one.site if site else None)
        row.controls.append(Control(route, site, stop))


def _sum(counts: Iterable[Counts]) -> Counts:
    waiting = on_the_way = retrying = held = 0
    for one in counts:
        waiting, on_the_way = waiting + one.waiting, on_the_way + one.on_the_way
        retrying, held = retrying + one.retrying, held + one.held
    return Counts(waiting=waiting, on_the_way=on_the_way, retrying=retrying, held=held)


def _standstill(rows: list[Row], found: Live, tick_age: float | None) -> Standstill | None:
    if tick_age is None or tick_age > ALIVE_SECONDS:
        return Standstill.NO_WORK_WORKER
    waiting = [row for row in rows if row.waiting or row.on_the_way]
    if not waiting or found.workers or any(row.per_minute for row in rows):
        return None
    if all(row.state == "stopped" for row in waiting):
        return Standstill.ALL_STOPPED
    if any(row.state == "resting" for row in waiting):
        return None
    return Standstill.NO_SEND_WORKER
