"""Where messages leave: the connections of this process to one smarthost, or to one site, and who waits for them."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from delivery import adapting
from delivery.content.headers import BadHeader
from delivery.content.source import RenderLimit
from delivery.knowledge import Category, classify
from delivery.queue.outcomes import OURS, RETURNED, Outcome, Try, decide, handed_over, held, refuses_us, returned
from delivery.sender.dialing import dial
from delivery.sender.jobs import Holder, Job, Line
from delivery.sender.silence import Silence
from delivery.sender.slots import Grip
from delivery.slowdowns import Refusal
from delivery.smtp.commands import Envelope
from delivery.smtp.faults import STS, Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session

if TYPE_CHECKING:
    from delivery.sender.process import Process

log = structlog.get_logger(__name__)
IDLE_SECONDS = 15.0  # a connection without work is closed then
IDLE_SHARED_SECONDS = 2.0  # one that others may be waiting for
TURN_SECONDS = 5.0  # a connection that others do wait for goes on so long
WAIT_SECONDS = 10.0  # for others to let go, before what waits here goes back to the queue
FORBIDDEN_SECONDS = 60.0  # for so long no connection is tried to servers that may not be used
STUCK_SECONDS = 2.0  # without an answer; then more people are not given to it
STUCK_REST = 60.0
RESENT = 3  # how often a message whose connection broke before its dot goes to another one under the same mark
RENDER = "render_error"
TOO_MANY_CONNECTIONS = "too_many_connections"
_OUR_SETUP = frozenset({Fault.AUTH_FAILED, Fault.AUTH_UNAVAILABLE, Fault.TLS_CERTIFICATE, Fault.TLS_UNAVAILABLE})


class Place:
    """A queue and the sessions that empty it. Everything happens in the process's event loop."""

    def __init__(self, process: Process, line: Line) -> None:
        self.process, self.line = process, line
        self.queue: deque[Job] = deque()
        self.sessions: dict[Session, _Held] = {}
        self.holders: set[Holder] = set()  # leases that stand and fall with this place
        self._flying: dict[int, Job] = {}
        self._opening = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._proved = False  # has taken a message since its last failure
        self._most = line.connections
        self._watched = False
        self._changed = asyncio.Event()
        self._forbidden: tuple[Reply | None, float] = (None, 0.0)
        self._failed_for = 0.0  # seconds that it stays closed, once it has failed
        self._meter = adapting.Meter(process.time_scale)
        self._slowing = False
        self._slowed_at = -math.inf  # whoever was marked before goes back
        self._loop = asyncio.get_running_loop()
        self._awaited = 0  # leases that wait for a first connection
        self._silence = Silence(process.patience, self._awaits_an_answer, self._fell_silent)

    # What leases do.

    async def ready(self) -> float:
        """0 when a connection stands; else the seconds after which to try again. Nothing is marked before."""
        self._failed_for = 0.0
        self._awaited += 1
        self._silence.watch()
        try:
            while not self.sessions and not self._failed_for and not self.process.draining:
                if not self._opening:
                    self._open()
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._awaited -= 1
        return 0.0 if self.sessions else max(self._failed_for, 0.05)

    @property
    def stuck(self) -> bool:
        """Whether nothing has moved here for a while, though somebody waits; not for a connection that others hold."""
        silent = self._silence.lasts > STUCK_SECONDS * self.process.patience
        return silent and not self.line.shared and self._awaits_an_answer()

    def submit(self, jobs: list[Job]) -> None:
        self.queue.extend(jobs)
        if self._slowing or jobs[0].marked_at < self._slowed_at:
            self._return_queue(adapting.HOLD * self.process.time_scale)
        self._silence.watch()
        self.wake()

    def wake(self) -> None:
        """Idle connections take what waits; more are opened while it is worth it, once the first one stands."""
        for session in list(self.sessions):
            if not self.queue:
                return
            session.nudge()
        wanted = min(self._most, math.ceil(len(self.queue) / 2)) if self.sessions else min(1, len(self.queue))
        for _ in range(wanted - len(self.sessions) - self._opening):
            self._open()

    def withdraw(self) -> None:
        """Whoever has not been given to a connection goes back."""
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, returned(job.to.message))

    async def close(self) -> None:
        """Open dots get their time; then QUIT."""
        self.withdraw()
        await asyncio.gather(*(session.quit() for session in list(self.sessions)))
        while self._tasks:
            await asyncio.wait(self._tasks)

    def rest(self) -> None:
        """Close what has been idle for a while."""
        now = self._loop.time()
        for session, hold in list(self.sessions.items()):
            longest = self.line.idle or (IDLE_SHARED_SECONDS if hold.grip.slots else IDLE_SECONDS)
            if session.idle and (now - hold.used > longest or self._has_had_its_turn(hold)):
                self._task(session.quit())

    def _watch(self) -> None:
        """What others may be waiting for is let go also while this process is given no work."""
        self.rest()
        self._watched = bool(self.sessions)
        if self._watched:
            self._loop.call_later(1.0, self._watch)

    @property
    def busy(self) -> bool:
        """Whether anything is or may soon be under way here."""
        return bool(self.sessions or self.queue or self.holders or self._opening)

    # Silence.

    def _awaits_an_answer(self) -> bool:
        return bool(self.queue or self._flying or self._awaited)

    def _fell_silent(self) -> None:
        """Its own time-outs are long, as they must be; whoever has another route does not sit them out. What is on
        the wire stays there."""
        waiting = [*(job.holder for job in self.queue), *(job.holder for job in self._flying.values()), *self.holders]
        if not self.process.draining and any(holder.sending.other_routes for holder in waiting):
            self._task(self._trouble(Fault.TIMEOUT.reply(Phase.CONNECT)))

    # Connections.

    def _task(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _open(self) -> None:
        self._opening += 1
        self._task(self._connect())

    async def _connect(self) -> None:
        try:
            began = self._loop.time()
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
        return not self.sessions and not self.process.draining and self._loop.time() - since < WAIT_SECONDS

    def _none_free(self) -> None:
        """Others hold all connections that a limit allows."""
        self._most = max(1, len(self.sessions))
        if not self.sessions:
            self._failed_for = 1.0
            self._return_queue(1.0)
        self._loop.call_later(5.0, self._restore_most)

    def _restore_most(self) -> None:
        self._most = self.line.connections

    def _adopt(self, session: Session, grip: Grip) -> None:
        now = self._loop.time()
        most = min(self.line.per_connection, session.can.mail_max or self.line.per_connection)
        told = {"host": session.host} | ({"note": session.note} if session.note else {})
        hold = _Held(grip, now, now, told, most)
        self.sessions[session] = hold
        self._silence.heard()
        if grip.slots and not self._watched:
            self._watch()
        session.before_dot = self._before_dot
        session.on_reply = partial(self._on_reply, session, hold)
        session.on_close = partial(self._on_close, session, hold)
        session.pull = partial(self._pull, session, hold)
        if session.ended:  # it was closed while we were told of it
            self._on_close(session, hold, session.ended)
            return
        self.wake()

    async def _not_opened(self, reply: Reply) -> None:
        verdict = classify(reply, provider=self.line.provider)
        slower = adapting.asks(reply, verdict)
        if self.sessions:  # one more was too many: go on with those that stand
            self._fewer(len(self.sessions))
            if slower and verdict.category is Category.RATE_LIMITED:
                await self._slow_down(verdict.cause)
            return
        if slower:
            await self._slow_down(verdict.cause, opening=True)
            return
        if reply.synthetic in STS:
            self._forbid(reply)
            return
        await self._trouble(reply)

    def _forbid(self, reply: Reply) -> None:
        """The domain's own policy lets nobody deliver here: no reason to close the site for other domains."""
        self._forbidden = reply, self._loop.time() + FORBIDDEN_SECONDS * self.process.time_scale
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, self._outcome(job, reply))

    @property
    def forbidden(self) -> Reply | None:
        """Why nobody may be sent here now, though the site is open."""
        reply, until = self._forbidden
        return reply if self._loop.time() < until else None

    def _fewer(self, most: int) -> None:
        self._most = most
        self._loop.call_later(30.0 * self.process.time_scale, self._restore_most)

    async def _slow_down(self, cause: str, *, sent: float = 0.0, rate: float = math.inf, opening: bool = False) -> None:
        """They ask for less: what waits here is bought again, at the new rate. `sent` seconds ago, while the limits
        allowed `rate`."""
        line, now, hold = self.line, self._loop.time(), adapting.HOLD * self.process.time_scale
        if self._slowing or (now - self._slowed_at < hold and not opening):  # the same wave
            return
        refusal = Refusal(
            line.key, line.route, line.site, cause, sent, now - self._meter.last, self._meter.rate(now), rate, opening
        )
        self._slowing = True
        self._return_queue(hold)
        closed = await self.process.slow_down(refusal)
        self._slowing, self._slowed_at = False, self._loop.time()
        self._return_queue(closed or hold, failing=bool(closed) and line.site is not None)
        if closed:
            self._stay_closed(closed)

    async def _trouble(self, reply: Reply) -> None:
        """Nothing was said about anybody: the place closes for a while, or its route pauses if the set-up is wrong."""
        ours = reply.synthetic in _OUR_SETUP or refuses_us(reply, classify(reply, provider=self.line.provider))
        paused = self.line.smarthost and ours
        closed = await self.process.failed(self.line, reply, pause=paused) or 1.0
        self._return_queue(closed, failing=self.line.site is not None and reply.synthetic not in OURS)
        self._stay_closed(closed)

    def _stay_closed(self, seconds: float) -> None:
        self._proved = False
        self._failed_for = seconds
        self._changed.set()
        for holder in list(self.holders):
            holder.closed(seconds)

    def _return_queue(self, seconds: float, *, failing: bool = False) -> None:
        """`failing`: the site's own servers take nothing."""
        unscaled = seconds / self.process.time_scale
        while self.queue:
            job = self.queue.popleft()
            job.holder.done(job, self._passed_on(job, returned(job.to.message, unscaled, failing=failing)))

    def _passed_on(self, job: Job, outcome: Outcome) -> Outcome:
        return handed_over(outcome, self.line.site) if job.holder.sending.other_routes else outcome

    def _on_close(self, session: Session, hold: _Held, _reason: Reply) -> None:
        if self.sessions.pop(session, None) is None:
            return
        self._task(self._let_go(session, hold))
        if self.queue and not self.process.draining:
            self._loop.call_soon(self.wake)

    async def _let_go(self, session: Session, hold: _Held) -> None:
        """Only a connection that is gone makes room for another."""
        await session.gone()
        await self.process.sharing.give(hold.grip)

    # Messages.

    def _pull(self, session: Session, hold: _Held) -> Envelope | None:
        if hold.leaving:
            return None
        if hold.taken >= hold.most or self._has_had_its_turn(hold):
            hold.leaving = True
            self._task(session.quit())
            return None
        while self.queue:
            job = self.queue.popleft()
            self.process.journal.building(job.holder.lease, job.to.message)
            try:
                envelope = job.holder.sending.write(job.to)
            except Exception as problem:  # whatever it is, it must not keep the others of the lease waiting
                if not isinstance(problem, (RenderLimit, BadHeader)):
                    log.exception("A message cannot be written", message=job.to.message)
                job.holder.done(job, _unwritable(job, problem))
                continue
            finally:
                self.process.journal.built()
            job.sha256 = hashlib.sha256(envelope.data).hexdigest()
            self._flying[envelope.id] = job
            hold.taken += 1
            hold.used = self._loop.time()
            return envelope
        return None

    def _has_had_its_turn(self, hold: _Held) -> bool:
        """Others wait for what it holds, and it has nothing to do or has done much."""
        if not hold.taken or not self.process.sharing.wanted(hold.grip):
            return False
        return not self.queue or self._loop.time() - hold.since > TURN_SECONDS

    def _before_dot(self, message: int) -> bool:
        """The journal knows of the dot before the server does. A mark whose lease may be over is not used."""
        job = self._flying[message]
        if self._loop.time() > job.holder.deadline:
            return False
        if not self.process.journal.dot(job.holder.lease, message):
            self.process.no_room()
            return False
        job.dotted = True
        self.process.open_dots += 1
        return True

    def _on_reply(self, session: Session, hold: _Held, message: int, reply: Reply) -> None:
        job = self._flying.pop(message)
        self._silence.heard()
        if job.dotted:
            self.process.open_dots -= 1
        elif self._resend(job, session, reply):
            return
        self.process.journal.reply(job.holder.lease, message, reply)
        outcome = self._outcome(job, reply)
        if outcome.slower:
            self._asked_for_less(job, outcome)
        elif outcome.result == RETURNED:
            if reply.synthetic != Fault.WITHDRAWN and not _ended_in_work(session, reply, self.line.provider):
                self._task(self._trouble(reply))
        elif not self._proved:
            self._proved = True
            self._task(self.process.proved(self.line))
        delivered = reply.ok and reply.phase is Phase.DOT
        outcome.transcript = hold.told if delivered else session.transcript().as_json()
        hold.used = self._loop.time()
        if delivered:
            self._meter.took(hold.used)
        job.holder.done(job, outcome)

    def _asked_for_less(self, job: Job, outcome: Outcome) -> None:
        if outcome.cause == TOO_MANY_CONNECTIONS and len(self.sessions) > 1:
            self._fewer(len(self.sessions) - 1)
            return
        sent = self._loop.time() - job.marked_at
        self._task(self._slow_down(outcome.cause or "", sent=sent, rate=job.holder.set_rate))

    def _outcome(self, job: Job, reply: Reply) -> Outcome:
        to = job.to
        tried = Try(
            to.message, to.attempts, self.line.provider, job.holder.sending.at_most_once, self.line.sandbox,
            self.line.smarthost, self._proved,
        )  # fmt: skip
        outcome = decide(tried, reply, random.random())
        if reply.synthetic == Fault.WITHDRAWN:
            outcome.delay = 0.0
        elif outcome.result == RETURNED:
            self._passed_on(job, outcome)
        if not tried.at_most_once:
            outcome.values_at = to.values_at
        outcome.site, outcome.sha256 = to.site, job.sha256
        outcome.took_ms = int((self._loop.time() - job.marked_at) * 1000)
        return outcome

    def _resend(self, job: Job, session: Session, reply: Reply) -> bool:
        """A connection that worked broke before this one's turn: its mark holds, another connection takes it."""
        may = job.resent < RESENT and not self.process.draining and self._loop.time() <= job.holder.deadline
        if not may or not _ended_in_work(session, reply, self.line.provider):
            return False
        job.resent += 1
        self.queue.appendleft(job)
        self._loop.call_soon(self.wake)
        return True


@dataclass(slots=True, eq=False)
class _Held:
    """What a place remembers of one connection."""

    grip: Grip
    since: float
    used: float
    told: dict[str, Any]  # what is kept of the dialogue of a delivered message
    most: int  # messages that it may carry
    taken: int = 0
    leaving: bool = False


def _ended_in_work(session: Session, reply: Reply, provider: str) -> bool:
    """It has carried messages and takes no more: many servers count them and say 421. Only what a fresh connection is
    told says that the place takes nothing, and only an answer about speed that it takes less."""
    if not session.messages or reply.phase not in (Phase.MAIL, Phase.CONNECT):
        return False
    closing = reply.code == 421 and reply.phase is Phase.MAIL
    return bool(reply.synthetic) or (closing and not adapting.asks(reply, classify(reply, provider=provider)))


def _unwritable(job: Job, problem: Exception) -> Outcome:
    outcome = held(job.to.message, RENDER)
    outcome.reply = Reply(554, f"{type(problem).__name__}: {problem}"[:300], None, Phase.DATA, RENDER)
    return outcome
