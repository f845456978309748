"""One lease being worked: gate after gate, each while the batch before is on the wire, until everybody is answered."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from delivery import buckets, throttle
from delivery.models import MessageState
from delivery.queue import ending, gate
from delivery.queue.leasing import Claim
from delivery.queue.outcomes import HANDOVER, Outcome, cancelled, returned
from delivery.sender.jobs import Job
from delivery.sender.places import Place

if TYPE_CHECKING:
    from delivery.sender.mailing import Sending
    from delivery.sender.process import Process
    from delivery.sender.routing import Routed, Router

FLUSH_SECONDS = 2.0  # final states of a slow lease are written this often
LONGEST_PAUSE = 5.0  # a longer wait for a limit gives the lease back
LONGEST_REST = 120.0  # until it is asked again: it may be raised, or a warm-up plan come to its next day
SLOWER = 0.8
MOST_HELD = (
    20  # one after the other: then it is the letter, the sender or the route, and would go on to the last person
)


LATE_SECONDS = 2.0  # in a lane of several places nobody waits longer for those of another place
MOST_LATE = 200


class Running:
    """A `places.Holder`. `run` returns when the lease is closed."""

    def __init__(self, process: Process, claim: Claim, sending: Sending, router: Router) -> None:
        self.process, self.claim, self.sending, self.router = process, claim, sending, router
        self.lease = claim.lease
        self._loop = asyncio.get_running_loop()
        self.deadline = self._loop.time() + settings.LEASE_SECONDS
        self._asked_at = self._loop.time()
        self._flushed_at = self._loop.time()
        self._pace = process.pace(claim)
        self._answered = 0  # since `_counted_at`
        self._counted_at = self._loop.time()
        self._size_now = 0  # of the newest batch
        self._next = 0  # index of the first id that no gate was asked for
        self._pending = 0
        self._marked: Counter[float] = Counter()  # who is pending, by the moment of the mark
        self._mixed = False  # each message has a place of its own
        self._open = True
        self._rest = 0.0
        self._held = 0  # one after the other
        self._pause_for: str | None = None
        self.set_rate = math.inf
        self._sale = throttle.Sale(0, 0.0, 0.0)  # the newest
        self._doubtful = False  # a statement was lost: nobody knows whether it was committed
        self._unrecorded: list[Outcome] = []
        self._unsettled: list[Outcome] = []
        self._changed = asyncio.Event()

    # What places do.

    def done(self, job: Job, outcome: Outcome) -> None:
        self._pending -= 1
        self._marked[job.marked_at] -= 1
        if not self._marked[job.marked_at]:
            del self._marked[job.marked_at]
        self._answered += 1
        self._note(outcome)
        self._held = self._held + 1 if outcome.result == MessageState.HELD else 0
        if self._held == MOST_HELD:
            self._open, self._pause_for = False, outcome.cause
        self._changed.set()

    def closed(self, seconds: float) -> None:
        """The only place of this lease has failed. Where there are other routes, the next lease finds the open one."""
        self._stop(min(seconds, HANDOVER) if self.sending.other_routes else seconds)

    def _stop(self, rest: float) -> None:
        self._open = False
        self._rest = max(self._rest, rest)
        self._changed.set()

    # The life of a lease.

    async def run(self) -> None:
        place: Place | None = None
        try:
            place = await self.router.only_place(self.claim)
            self._mixed = place is None
            if place is not None:
                place.holders.add(self)
                wait = await place.ready()
                if wait:
                    self.closed(wait)
            while self._may_go_on():
                await self._batch()
                await self._room()
        except (DatabaseError, InterfaceError):
            # Whoever is on the wire is answered and written down all the same: `ending.end` insists.
            self._stop(1.0)
        try:
            rest = await self._hand_back()
            self.process.only_waits(self.claim)
            await self._answers()
        finally:
            if place is not None:
                place.holders.discard(self)
        if self._pause_for is not None:
            await self.process.pause(self.claim.mailing, self._pause_for)
        await self.process.database.insist(
            ending.end, self.claim, self._unsettled, unrecorded=self._unrecorded, unasked=rest, rest=self._rest,
            once=self._doubtful, again={"once": True},
        )  # fmt: skip

    def _may_go_on(self) -> bool:
        halted = self.process.draining or not self.process.has_room()
        return self._open and self._next < len(self.claim.ids) and not halted

    async def _hand_back(self) -> list[int]:
        """Who was not started does not wait for who is on the way. What is left of them for the lease's end."""
        rest = self.claim.ids[self._next :]
        if not (rest and self._pending):
            return rest
        done = await self.process.database.insist(ending.hand_back, self.claim, rest, rest=self._rest)
        return [] if done else rest

    async def _batch(self) -> None:
        """The next few: bought from the limits, routed, marked, handed to connections."""
        self.claim.scopes = await self.router.scopes(self.claim)
        self.set_rate = self.router.set_rate(self.claim)
        ids = self.claim.ids[self._next : self._next + self._size()]
        start = gap = 0.0
        if self.claim.scopes:
            number, start, gap = await self._buy(len(ids))
            if not number:
                return
            ids = ids[:number]
        routed = await self.router.route(self.claim, ids)
        asked = [message for message in ids if message in routed]
        passed = await self._gate(asked, routed.keys)
        if passed is not None and not passed.open:
            self._open = False
            if self.claim.scopes:
                await self._give_back(len(ids))
            return  # all of them go back unasked: an outcome too would have them wait in two places
        self._next += len(ids)
        for outcome in routed.settled:  # no mark: there was nothing to send them to
            self._note(outcome)
        if passed is None:
            for message in asked:
                self._note(returned(message))
            return
        for message, reason in passed.refused.items():
            self._note(cancelled(message, reason))
        if self.claim.scopes and len(passed.recipients) < len(ids):
            await self._give_back(len(ids) - len(passed.recipients))
        going = passed.recipients
        if gap and self._loop.time() - start > throttle.SLICE:  # a stall is not caught up in a burst
            await self._give_back(len(going))
            number, start, gap = await self._buy(len(going)) if going else (0, start, gap)
            for to in going[number:]:
                self._note(returned(to.message))
            going = going[:number]
        self._send(going, routed, start, gap)

    def _size(self) -> int:
        if self.claim.one_by_one:
            return 1
        rate = buckets.narrowest(self.claim.scopes)
        self._size_now = throttle.batch(rate, self._pace.size(), changing=rate < self.set_rate)
        return self._size_now

    async def _buy(self, wanted: int) -> tuple[int, float, float]:
        """Waits until what was bought may begin: number, start (of the loop's clock), gap."""
        try:
            sale, now = await self.process.database.ask(buckets.buy, self.claim.scopes, wanted, within=LONGEST_PAUSE)
        except (DatabaseError, InterfaceError):
            self._stop(1.0)  # slow, never open
            return 0, 0.0, 0.0
        self._sale = sale
        wait = max(0.0, sale.start - now)
        if not sale.number:
            self._stop(min(wait, LONGEST_REST))
            return 0, 0.0, 0.0
        start = self._loop.time() + wait
        await self._until(start)
        if wait and await self._slower():
            await self._give_back(sale.number)
            return 0, 0.0, 0.0
        return sale.number, start, sale.gap

    async def _slower(self) -> bool:
        """Whether what was bought goes faster than may be now: somebody asked us to slow down meanwhile."""
        now = buckets.narrowest(await self.router.scopes(self.claim))
        return now < SLOWER * buckets.narrowest(self.claim.scopes)

    async def _give_back(self, number: int) -> None:
        try:
            await self.process.database.ask(buckets.give_back, self.claim.scopes, self._sale, number)
        except (DatabaseError, InterfaceError):
            return  # the time lapses

    async def _until(self, moment: float) -> None:
        while (left := moment - self._loop.time()) > 0 and not self.process.draining:
            await asyncio.sleep(min(left, 1.0))
            await self._beat()

    async def _gate(self, ids: Sequence[int], places: Sequence[str] = ()) -> gate.Passed | None:
        """None when the database's answer was lost: the marks may be there, so that nobody of these is sent."""
        outcomes, self._unrecorded = self._unrecorded, []
        asked = self._loop.time()
        try:
            passed = await self.process.database.ask(
                gate.pass_through, self.claim, self.sending.rules, ids, outcomes, places
            )
        except (DatabaseError, InterfaceError):
            self._unrecorded = outcomes + self._unrecorded
            self._doubtful, self._open = True, False
            return None
        self._asked_at = asked
        if passed.recipients:
            self.process.newest_mark.keep(self.lease, passed.recipients[-1].message)
        if ids:
            now = self._loop.time()
            self._pace.gated(now - asked)
            self._pace.answered(self._answered, now - self._counted_at)
            self._answered, self._counted_at = 0, now
        if passed.open:
            self.deadline = asked + settings.LEASE_SECONDS
        return passed

    def _send(self, going: Sequence[gate.Recipient], routed: Routed, start: float, gap: float) -> None:
        now = self._loop.time()
        by_place: dict[Place, list[Job]] = {}
        for number, to in enumerate(going):
            self._pending += 1
            self._marked[now] += 1
            job = Job(to, self, now)
            place = routed.place(to.message)
            if gap:
                at = max(now, start) + number * gap
                self._loop.call_at(at, self._due, place, job, at)
            else:
                by_place.setdefault(place, []).append(job)
        for place, jobs in by_place.items():
            place.submit(jobs)

    def _due(self, place: Place, job: Job, at: float) -> None:
        """Its slot has come. One that comes far too late has lapsed."""
        if self._loop.time() - at > throttle.SLICE:
            self.done(job, returned(job.to.message))
        else:
            place.submit([job])

    def _note(self, outcome: Outcome) -> None:
        self._unrecorded.append(outcome)
        self._unsettled.append(outcome)

    # Waiting.

    async def _room(self) -> None:
        """Until the batch before is nearly through, so that one is marked while one is on the wire."""
        while self._full() and self._open and not self.process.draining:
            await self._wait()

    def _full(self) -> bool:
        if not self._mixed or self._pending > MOST_LATE:
            return self._pending > self._size_now
        soon = self._loop.time() - LATE_SECONDS * self.process.patience
        return sum(number for marked_at, number in self._marked.items() if marked_at > soon) > self._size_now

    async def _answers(self) -> None:
        while self._pending > 0:
            await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), 1.0)
        await self._beat()

    async def _beat(self) -> None:
        """Heartbeat, and the states of a slow lease: a dot may take ten minutes and a lease lasts one."""
        now = self._loop.time()
        if now - self._asked_at > settings.LEASE_SECONDS / 3 or (
            self._unsettled and now - self._flushed_at > FLUSH_SECONDS
        ):
            passed = await self._gate([])
            if passed is not None and not passed.open:
                self._open = False
            if passed is not None:
                await self._flush()

    async def _flush(self) -> None:
        """Only what is recorded; outcomes that came in meanwhile stay for the next time."""
        waiting = {id(outcome) for outcome in self._unrecorded}
        ready = [outcome for outcome in self._unsettled if id(outcome) not in waiting]
        self._flushed_at = self._loop.time()
        if not ready:
            return
        marked = sum(1 for outcome in ready if outcome.sha256 is not None)
        try:
            await self.process.database.ask(ending.flush, self.claim, ready, marked=marked)
        except (DatabaseError, InterfaceError):
            self._doubtful = True
            return
        flushed = {id(outcome) for outcome in ready}
        self._unsettled = [outcome for outcome in self._unsettled if id(outcome) not in flushed]
