"""Where messages leave: the connections of this process to one smarthost, or to one site, and who waits for them."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Any

from delivery import adapting
from delivery.knowledge import Category, classify
from delivery.queue.outcomes import OURS, Outcome, refuses_us, returned
from delivery.sender.connections import Connection, outcome_of, passed_on
from delivery.sender.dialing import dial
from delivery.sender.jobs import Holder, Job, Line
from delivery.sender.silence import Silence
from delivery.sender.slots import Grip
from delivery.slowdowns import Refusal
from delivery.smtp.faults import STS, Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session

if TYPE_CHECKING:
    from delivery.sender.process import Process

WAIT_SECONDS = 10.0  # for others to let go, before what waits here goes back to the queue
FORBIDDEN_SECONDS = 60.0  # for so long no connection is tried to servers that may not be used
STUCK_SECONDS = 2.0  # without an answer; then more people are not given to it
STUCK_REST = 60.0
TOO_MANY_CONNECTIONS = "too_many_connections"
_OUR_SETUP = frozenset({Fault.AUTH_FAILED, Fault.AUTH_UNAVAILABLE, Fault.TLS_CERTIFICATE, Fault.TLS_UNAVAILABLE})


class Place:
    """A queue and the sessions that empty it. Everything happens in the process's event loop."""

    def __init__(self, process: Process, line: Line) -> None:
        self.process, self.line = process, line
        self.queue: deque[Job] = deque()
        self.connections: list[Connection] = []
        self.holders: set[Holder] = set()  # leases that stand and fall with this place
        self.flying: dict[int, Job] = {}
        self._opening = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.proved = False  # has taken a message since its last failure
        self._most = line.connections
        self._watched = False
        self._changed = asyncio.Event()
        self._forbidden: tuple[Reply | None, float] = (None, 0.0)
        self._failed_for = 0.0  # seconds that it stays closed, once it has failed
        self.meter = adapting.Meter(process.time_scale)
        self._slowing = False
        self._slowed_at = -math.inf  # whoever was marked before goes back
        self.loop = asyncio.get_running_loop()
        self._awaited = 0  # leases that wait for a first connection
        self.silence = Silence(process.patience, self._awaits_an_answer, self._fell_silent)

    # What leases do.

    async def ready(self) -> float:
        """0 when a connection stands; else the seconds after which to try again. Nothing is marked before."""
        self._failed_for = 0.0
        self._awaited += 1
        self.silence.watch()
        try:
            while not self.connections and not self._failed_for and not self.process.draining:
                if not self._opening:
                    self._open()
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._awaited -= 1
        return 0.0 if self.connections else max(self._failed_for, 0.05)

    @property
    def stuck(self) -> bool:
        """Whether nothing has moved here for a while, though somebody waits; not for a connection that others hold."""
        silent = self.silence.lasts > STUCK_SECONDS * self.process.patience
        return silent and not self.line.shared and self._awaits_an_answer()

    def submit(self, jobs: list[Job]) -> None:
        self.queue.extend(jobs)
        if self._slowing or jobs[0].marked_at < self._slowed_at:
            self._return_queue(adapting.HOLD * self.process.time_scale)
        self.silence.watch()
        self.wake()

    def wake(self) -> None:
        """Idle connections take what waits; more are opened while it is worth it, once the first one stands."""
        for connection in list(self.connections):
            if not self.queue:
                return
            connection.session.nudge()
        wanted = min(self._most, math.ceil(len(self.queue) / 2)) if self.connections else min(1, len(self.queue))
        for _ in range(wanted - len(self.connections) - self._opening):
            self._open()

    def withdraw(self) -> None:
        """Whoever has not been given to a connection goes back."""
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, returned(job.to.message))

    async def close(self) -> None:
        """Open dots get their time; then QUIT."""
        self.withdraw()
        await asyncio.gather(*(connection.session.quit() for connection in list(self.connections)))
        while self._tasks:
            await asyncio.wait(self._tasks)

    def rest(self) -> None:
        """Close what has been idle for a while."""
        for connection in self.connections:
            if connection.rested:
                self.task(connection.session.quit())

    def _watch(self) -> None:
        """What others may be waiting for is let go also while this process is given no work."""
        self.rest()
        self._watched = bool(self.connections)
        if self._watched:
            self.loop.call_later(1.0, self._watch)

    @property
    def busy(self) -> bool:
        """Whether anything is or may soon be under way here."""
        return bool(self.connections or self.queue or self.holders or self._opening)

    # Silence.

    def _awaits_an_answer(self) -> bool:
        return bool(self.queue or self.flying or self._awaited)

    def _fell_silent(self) -> None:
        """Its own time-outs are long, as they must be; whoever has another route does not sit them out. What is on
        the wire stays there."""
        waiting = [*(job.holder for job in self.queue), *(job.holder for job in self.flying.values()), *self.holders]
        if not self.process.draining and any(holder.sending.other_routes for holder in waiting):
            self.task(self.trouble(Fault.TIMEOUT.reply(Phase.CONNECT)))

    # Connections.

    def task(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _open(self) -> None:
        self._opening += 1
        self.task(self._connect())

    async def _connect(self) -> None:
        try:
            began = self.loop.time()
            grip = await self.process.sharing.take(self.line.shared, lambda: self._may_wait(began))
            if grip is None:
                self._none_free()
                return
            found = await dial(self.line, self.process.timeouts)
            if isinstance(found, Reply):
                await self.process.sharing.give(grip)
                await self._not_opened(found)
                return
            self._adopt(found, grip)
        finally:
            self._opening -= 1
            self._changed.set()

    def _may_wait(self, since: float) -> bool:
        """The first connection is waited for; more are only taken while there are any."""
        return not self.connections and not self.process.draining and self.loop.time() - since < WAIT_SECONDS

    def _none_free(self) -> None:
        """Others hold all connections that a limit allows."""
        self._most = max(1, len(self.connections))
        if not self.connections:
            self._failed_for = 1.0
            self._return_queue(1.0)
        self.loop.call_later(5.0, self._restore_most)

    def _restore_most(self) -> None:
        self._most = self.line.connections

    def _adopt(self, session: Session, grip: Grip) -> None:
        connection = Connection(self, session, grip)
        self.connections.append(connection)
        self.silence.heard()
        if grip.slots and not self._watched:
            self._watch()
        connection.begin()
        if not session.ended:
            self.wake()

    async def _not_opened(self, reply: Reply) -> None:
        verdict = classify(reply, provider=self.line.provider)
        slower = adapting.asks(reply, verdict)
        if self.connections:  # one more was too many: go on with those that stand
            self._fewer(len(self.connections))
            if slower and verdict.category is Category.RATE_LIMITED:
                await self._slow_down(verdict.cause)
            return
        if slower:
            await self._slow_down(verdict.cause, opening=True)
            return
        if reply.synthetic in STS:
            self._forbid(reply)
            return
        await self.trouble(reply)

    def _forbid(self, reply: Reply) -> None:
        """The domain's own policy lets nobody deliver here: no reason to close the site for other domains."""
        self._forbidden = reply, self.loop.time() + FORBIDDEN_SECONDS * self.process.time_scale
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, outcome_of(self, job, reply))

    @property
    def forbidden(self) -> Reply | None:
        """Why nobody may be sent here now, though the site is open."""
        reply, until = self._forbidden
        return reply if self.loop.time() < until else None

    def _fewer(self, most: int) -> None:
        self._most = most
        self.loop.call_later(30.0 * self.process.time_scale, self._restore_most)

    async def _slow_down(self, cause: str, *, sent: float = 0.0, rate: float = math.inf, opening: bool = False) -> None:
        """They ask for less: what waits here is bought again, at the new rate. `sent` seconds ago, while the limits
        allowed `rate`."""
        line, now, hold = self.line, self.loop.time(), adapting.HOLD * self.process.time_scale
        if self._slowing or (now - self._slowed_at < hold and not opening):  # the same wave
            return
        refusal = Refusal(
            line.key, line.route, line.site, cause, sent, now - self.meter.last, self.meter.rate(now), rate, opening
        )
        self._slowing = True
        self._return_queue(hold)
        closed = await self.process.slow_down(refusal)
        self._slowing, self._slowed_at = False, self.loop.time()
        self._return_queue(closed or hold, failing=bool(closed) and line.site is not None)
        if closed:
            self._stay_closed(closed)

    async def trouble(self, reply: Reply) -> None:
        """Nothing was said about anybody: the place closes for a while, or its route pauses if the set-up is wrong."""
        ours = reply.synthetic in _OUR_SETUP or refuses_us(reply, classify(reply, provider=self.line.provider))
        paused = self.line.smarthost and ours
        closed = await self.process.failed(self.line, reply, pause=paused) or 1.0
        self._return_queue(closed, failing=self.line.site is not None and reply.synthetic not in OURS)
        self._stay_closed(closed)

    def _stay_closed(self, seconds: float) -> None:
        self.proved = False
        self._failed_for = seconds
        self._changed.set()
        for holder in list(self.holders):
            holder.closed(seconds)

    def _return_queue(self, seconds: float, *, failing: bool = False) -> None:
        """`failing`: the site's own servers take nothing."""
        unscaled = seconds / self.process.time_scale
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, passed_on(self, job, returned(job.to.message, unscaled, failing=failing)))

    # What its connections tell it.

    def lost(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        self.task(self._let_go(connection))
        if self.queue and not self.process.draining:
            self.loop.call_soon(self.wake)

    async def _let_go(self, connection: Connection) -> None:
        """Only a connection that is gone makes room for another."""
        await connection.session.gone()
        await self.process.sharing.give(connection.grip)

    def asked_for_less(self, job: Job, outcome: Outcome) -> None:
        if outcome.cause == TOO_MANY_CONNECTIONS and len(self.connections) > 1:
            self._fewer(len(self.connections) - 1)
            return
        sent = self.loop.time() - job.marked_at
        self.task(self._slow_down(outcome.cause or "", sent=sent, rate=job.holder.set_rate))

    def prove(self) -> None:
        """It took a message."""
        if not self.proved:
            self.proved = True
            self.task(self.process.proved(self.line))
