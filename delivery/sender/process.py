"""One send process: takes leases and works many at once. Lives in its event loop, which outlives the Celery tasks."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import time
from collections import Counter
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from delivery import buckets, mailings, slowdowns
from delivery.brakes import pause_route
from delivery.dns import Resolver
from delivery.journal import Journal
from delivery.knowledge import classify
from delivery.models import Mailing
from delivery.newest_mark import NewestMark
from delivery.queue import ending, leasing, recovery
from delivery.queue.leasing import Claim, Worker
from delivery.sender import mailing as sendings
from delivery.sender.database import Database
from delivery.sender.jobs import Line
from delivery.sender.known_limits import KnownLimits
from delivery.sender.known_places import KnownPlaces
from delivery.sender.mailing import Sending
from delivery.sender.pace import Pace
from delivery.sender.policies import Policies
from delivery.sender.routing import Router, router_for
from delivery.sender.running import Running
from delivery.sender.slots import Sharing
from delivery.slowdowns import Refusal
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Reply
from delivery.smtp.timeouts import Timeouts

log = structlog.get_logger(__name__)

MOST_LEASES = 64  # at once: slow lanes wait, they do not work
LEASES_A_RUN = 2  # so that one ends while the next begins
FRESH_SECONDS = 30.0  # what is read about a mailing is read again after this
NOTHING_WAIT = 0.2
LEAST_TIMEOUTS = 0.02
RECOVER_SECONDS = 5.0
FULL_SECONDS = 2.0  # a full disk is looked at again after this
OUR_ADDRESS = frozenset({Fault.SOURCE_ADDRESS, Fault.ROUTE_SETTINGS})
CONTENT_UNUSABLE = "content_unusable"
WORKER_BROKE = "worker_broke"


class Process:
    """All methods but `__init__` belong to the event loop."""

    def __init__(self) -> None:
        _allow_many_files()
        _calm_the_collector()
        host = socket.gethostname()
        self.worker = Worker(f"{host}:{os.getpid()}:{time.time_ns() // 1_000_000}", host)
        self.newest_mark = NewestMark(settings.JOURNAL_DIR)
        self.journal = Journal(settings.JOURNAL_DIR, self.worker.name)
        self.database = Database()
        self.time_scale: float = settings.TIME_SCALE
        # A test's clock may run thousands of times faster; no server answers that fast.
        self.patience: float = max(settings.TIME_SCALE, LEAST_TIMEOUTS)
        self.timeouts = Timeouts().scaled(self.patience)
        self.draining = False
        self.broken: set[int] = set()  # mailings whose lease broke off: this process is to close
        self._dots = 0
        self._dots_file = settings.RUN_DIR / f"send-{os.getpid()}.open"
        self.sharing = Sharing()
        self.places = KnownPlaces(self)
        self._sendings: dict[int, tuple[Sending, float]] = {}
        self.limits = KnownLimits(self.database)
        self._paces: dict[tuple[int, str], Pace] = {}
        self._leases: set[asyncio.Task[None]] = set()
        self._working: dict[int, int] = {}  # run of each lease that starts people
        self._deferred_first = False
        self.resolver = Resolver.from_settings()
        self.policies = Policies(self)
        self.site_ids: dict[str, int] = {}  # by key: sites are never removed
        self._rested_at = 0.0
        self._recovered_at = 0.0
        self._full_until: float | None = None

    # The work.

    async def work(self, until: float) -> bool:
        """Take leases until that moment of the loop's clock; whether there was still something to take then."""
        loop = asyncio.get_running_loop()
        while loop.time() < until and not self.draining:
            claim = await self._take() if len(self._leases) < MOST_LEASES and self.has_room() else None
            self._rest_places()
            await self._recover()
            if claim is not None:
                self._start(claim)
            elif not self._leases:
                return False
            else:
                await asyncio.wait(self._leases, timeout=NOTHING_WAIT, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def _take(self) -> Claim | None:
        busy = [run for run, number in Counter(self._working.values()).items() if number >= LEASES_A_RUN]
        self._deferred_first = not self._deferred_first
        try:
            return await self.database.ask(leasing.take, self.worker, deferred_first=self._deferred_first, busy=busy)
        except (DatabaseError, InterfaceError) as error:
            log.warning("The database does not answer; no new leases", error=str(error).strip())
            await asyncio.sleep(1.0)
            return None

    async def _recover(self) -> None:
        """What dead workers of this host left: their journals are here, and perhaps no other process is."""
        now = asyncio.get_running_loop().time()
        if now - self._recovered_at < RECOVER_SECONDS:
            return
        self._recovered_at = now
        with suppress(DatabaseError, InterfaceError):
            await self.database.ask(recovery.recover, self.worker.host, settings.JOURNAL_DIR)

    def _start(self, claim: Claim) -> None:
        task = asyncio.get_running_loop().create_task(self._run(claim))
        self._leases.add(task)
        if claim.run is not None:
            self._working[claim.lease] = claim.run
        task.add_done_callback(lambda done: self._ended(done, claim))

    async def _run(self, claim: Claim) -> None:
        try:
            sending = await self._sending(claim.mailing)
            router = await self._router(claim)
        except Exception as problem:  # the database's own are waited for: this is about the mailing
            log.error("A mailing's content cannot be used", mailing=claim.mailing, exc_info=problem)
            await self.database.insist(_pause, claim.mailing, CONTENT_UNUSABLE)
            await self.database.insist(ending.end, claim, [], unasked=claim.ids)
            return
        await Running(self, claim, sending, router).run()

    def _ended(self, task: asyncio.Task[None], claim: Claim) -> None:
        self._leases.discard(task)
        self.only_waits(claim)
        if not task.cancelled() and (error := task.exception()):
            # What it knew is in the marks and the journal: this process ends, and another recovers it from them.
            log.error("A lease broke off", lease=claim.lease, mailing=claim.mailing, exc_info=error)
            self.broken.add(claim.mailing)
            self.draining = True
        elif not self._leases and not self._dots and not self.broken:
            self.journal.forget()

    def only_waits(self, claim: Claim) -> None:
        """It starts nobody any more: another lease of its run may, whatever the last of this one have to wait for."""
        self._working.pop(claim.lease, None)

    async def close(self) -> None:
        """No new marks; open dots get their time; leases are given back."""
        self.draining = True
        for place in self.places.all():
            place.withdraw()
        if self._leases:
            await asyncio.wait(self._leases)
        await asyncio.gather(*(place.close() for place in self.places.all()))
        self.sharing.close()
        await self.policies.close()
        for mailing in self.broken:  # it would break the next process too
            await self.pause(mailing, WORKER_BROKE)
        self.database.close()
        self.journal.close(owes=bool(self.broken))
        self.newest_mark.close()
        self._dots_file.unlink(missing_ok=True)

    # What leases and places ask for.

    @property
    def open_dots(self) -> int:
        """Messages after their final dot, not yet answered."""
        return self._dots

    @open_dots.setter
    def open_dots(self, number: int) -> None:
        self._dots = number

    def tell_open_dots(self) -> None:
        """For whoever wants to end this process; on a full disk they are not told."""
        with suppress(OSError):
            self._dots_file.parent.mkdir(parents=True, exist_ok=True)
            self._dots_file.write_text(str(self._dots))

    def no_room(self) -> None:
        """The journal's disk is full: who has not been given to a connection goes back, and nothing new is marked."""
        if self._full_until is None:
            log.error("The disk is full: nothing is sent until the journal has room", folder=str(settings.JOURNAL_DIR))
            self._full_until = asyncio.get_running_loop().time() + FULL_SECONDS
            for place in self.places.all():
                place.withdraw()

    def has_room(self) -> bool:
        """Whether anybody may be marked, as far as this machine's disk goes."""
        if self._full_until is None:
            return True
        now = asyncio.get_running_loop().time()
        if now > self._full_until:
            self._full_until = None if self.journal.has_room() else now + FULL_SECONDS
        return self._full_until is None

    def pace(self, claim: Claim) -> Pace:
        """What the lane has shown; kept while this process lives, a few numbers each."""
        if len(self._paces) > 10_000:
            self._paces.clear()
        return self._paces.setdefault((claim.mailing, claim.lane), Pace(2 * settings.SEND_CONNECTIONS))

    async def pause(self, mailing: int, cause: str) -> None:
        """Nothing more of it leaves, and whoever scheduled it is told why."""
        await self.database.insist(_pause, mailing, cause)

    async def failed(self, line: Line, reply: Reply, *, pause: bool) -> float:
        """The place is closed for everybody, or its route paused; seconds."""
        cause = classify(reply, provider=line.provider).cause
        log.warning("A mail server takes nothing now", place=line.key, reply=str(reply), cause=cause)
        self.places.doubt(line)
        try:
            if pause:
                await self.database.ask(pause_route, line.route, cause)
                return leasing.NEXT_ROUTE
            # Where our own address or settings are wrong, no site of the route can be reached.
            key = buckets.route_key(line.route) if reply.synthetic in OUR_ADDRESS else line.key
            return await self.database.ask(buckets.close, key, cause)
        except (DatabaseError, InterfaceError):
            return 1.0

    async def slow_down(self, refusal: Refusal) -> float | None:
        """For all workers; answers as `slowdowns.heard`."""
        try:
            closed = await self.database.ask(slowdowns.heard, refusal)
        except (DatabaseError, InterfaceError):
            return 1.0
        if closed is not None:
            log.info("A mail server asks us to slow down", place=refusal.key, cause=refusal.cause, closed=closed)
        self.limits.read_again()
        return closed

    async def proved(self, line: Line) -> None:
        """It takes mail again."""
        try:
            await self.database.ask(buckets.opened, {line.key, buckets.route_key(line.route)})
        except (DatabaseError, InterfaceError):
            return

    async def _sending(self, mailing: int) -> Sending:
        now = asyncio.get_running_loop().time()
        known = self._sendings.get(mailing)
        if known is None or now - known[1] > FRESH_SECONDS:
            known = (await self.database.insist(sendings.load, mailing), now)
            self._sendings = {key: kept for key, kept in self._sendings.items() if now - kept[1] <= FRESH_SECONDS}
            self._sendings[mailing] = known
        return known[0]

    async def _router(self, claim: Claim) -> Router:
        return await self.database.insist(router_for, self, claim)

    def _rest_places(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._rested_at >= 1.0:
            self._rested_at = now
            self.tell_open_dots()
            self.places.rest()


def _pause(mailing: int, reason: str) -> None:
    found = Mailing.objects.filter(pk=mailing).first()
    if found is not None:
        mailings.pause(found, reason)


def _allow_many_files() -> None:
    """As many connections as the machine allows; what a shell or systemd starts with is 1,024."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _calm_the_collector() -> None:
    """What is imported stays and makes no garbage, and a lease keeps thousands of objects for a second or two: looking
    through all of them every 700 objects costs a tenth of the sending."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
