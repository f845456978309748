"""One connection of a place: which messages it takes, and what came of each."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import structlog

from delivery import adapting
from delivery.content.headers import BadHeader
from delivery.content.source import RenderLimit
from delivery.knowledge import classify
from delivery.queue.outcomes import RETURNED, Outcome, Try, decide, handed_over, held
from delivery.sender.jobs import Job
from delivery.sender.slots import Grip
from delivery.smtp.commands import Envelope
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session

if TYPE_CHECKING:
    from delivery.sender.places import Place

log = structlog.get_logger(__name__)
IDLE_SECONDS = 15.0  # a connection without work is closed then
IDLE_SHARED_SECONDS = 2.0  # one that others may be waiting for
TURN_SECONDS = 5.0  # a connection that others do wait for goes on so long
RESENT = 3  # how often a message whose connection broke before its dot goes to another one under the same mark
RENDER = "render_error"


class Connection:
    """A session, and what its place remembers of it. Everything happens in the process's event loop."""

    def __init__(self, place: Place, session: Session, grip: Grip) -> None:
        self.place, self.session, self.grip = place, session, grip
        self.told: dict[str, Any] = {"host": session.host}  # what is kept of the dialogue of a delivered message
        if session.note:
            self.told["note"] = session.note
        most = place.line.per_connection
        self.most = min(most, session.can.mail_max or most)  # messages that it may carry
        self.since = self.used = place.loop.time()
        self.taken = 0
        self.leaving = False

    def begin(self) -> None:
        self.session.before_dot = self._before_dot
        self.session.on_reply = self._on_reply
        self.session.on_close = self._on_close
        self.session.pull = self._pull
        if self.session.ended:  # it was closed while we were told of it
            self._on_close(self.session.ended)

    @property
    def rested(self) -> bool:
        """Whether it has been idle for so long that it is let go."""
        longest = self.place.line.idle or (IDLE_SHARED_SECONDS if self.grip.slots else IDLE_SECONDS)
        return self.session.idle and (self.place.loop.time() - self.used > longest or self._has_had_its_turn)

    @property
    def _has_had_its_turn(self) -> bool:
        """Others wait for what it holds, and it has nothing to do or has done much."""
        if not self.taken or not self.place.process.sharing.wanted(self.grip):
            return False
        return not self.place.queue or self.place.loop.time() - self.since > TURN_SECONDS

    def _on_close(self, _reason: Reply) -> None:
        self.place.lost(self)

    def _pull(self) -> Envelope | None:
        if self.leaving:
            return None
        if self.taken >= self.most or self._has_had_its_turn:
            self.leaving = True
            self.place.task(self.session.quit())
            return None
        while self.place.queue:
            job = self.place.queue.popleft()
            envelope = self._written(job)
            if envelope is None:
                continue
            job.sha256 = hashlib.sha256(envelope.data).hexdigest()
            self.place.flying[envelope.id] = job
            self.taken += 1
            self.used = self.place.loop.time()
            return envelope
        return None

    def _written(self, job: Job) -> Envelope | None:
        """None: it cannot be written, and its lease knows."""
        journal = self.place.process.journal
        journal.building(job.holder.lease, job.to.message)
        try:
            return job.holder.sending.write(job.to)
        except Exception as problem:  # whatever it is, it must not keep the others of the lease waiting
            if not isinstance(problem, (RenderLimit, BadHeader)):
                log.exception("A message cannot be written", message=job.to.message)
            job.holder.done(job, _unwritable(job, problem))
            return None
        finally:
            journal.built()

    def _before_dot(self, message: int) -> bool:
        """The journal knows of the dot before the server does. A mark whose lease may be over is not used."""
        job, process = self.place.flying[message], self.place.process
        if self.place.loop.time() > job.holder.deadline:
            return False
        if not process.journal.dot(job.holder.lease, message):
            process.no_room()
            return False
        job.dotted = True
        process.open_dots += 1
        return True

    def _on_reply(self, message: int, reply: Reply) -> None:
        place, process = self.place, self.place.process
        job = place.flying.pop(message)
        place.silence.heard()
        if job.dotted:
            process.open_dots -= 1
        elif self._resend(job, reply):
            return
        process.journal.reply(job.holder.lease, message, reply)
        outcome = outcome_of(place, job, reply)
        if outcome.slower:
            place.asked_for_less(job, outcome)
        elif outcome.result == RETURNED:
            if reply.synthetic != Fault.WITHDRAWN and not self._ended_in_work(reply):
                place.task(place.trouble(reply))
        else:
            place.prove()
        delivered = reply.ok and reply.phase is Phase.DOT
        outcome.transcript = self.told if delivered else self.session.transcript().as_json()
        self.used = place.loop.time()
        if delivered:
            place.meter.took(self.used)
        job.holder.done(job, outcome)

    def _resend(self, job: Job, reply: Reply) -> bool:
        """A connection that worked broke before this one's turn: its mark holds, another connection takes it."""
        place = self.place
        may = job.resent < RESENT and not place.process.draining and place.loop.time() <= job.holder.deadline
        if not may or not self._ended_in_work(reply):
            return False
        job.resent += 1
        place.queue.appendleft(job)
        place.loop.call_soon(place.wake)
        return True

    def _ended_in_work(self, reply: Reply) -> bool:
        """It has carried messages and takes no more: many servers count them and say 421. Only what a fresh connection
        is told says that the place takes nothing, and only an answer about speed that it takes less."""
        if not self.session.messages or reply.phase not in (Phase.MAIL, Phase.CONNECT):
            return False
        closing, provider = reply.code == 421 and reply.phase is Phase.MAIL, self.place.line.provider
        return bool(reply.synthetic) or (closing and not adapting.asks(reply, classify(reply, provider=provider)))


def outcome_of(place: Place, job: Job, reply: Reply) -> Outcome:
    """What the reply means for this one; a place that takes nothing hands it over to another route."""
    to, line = job.to, place.line
    tried = Try(
        to.message, to.attempts, line.provider, job.holder.sending.at_most_once, line.sandbox, line.smarthost,
        place.proved,
    )  # fmt: skip
    outcome = decide(tried, reply, random.random())
    if reply.synthetic == Fault.WITHDRAWN:
        outcome.delay = 0.0
    elif outcome.result == RETURNED:
        passed_on(place, job, outcome)
    if not tried.at_most_once:
        outcome.values_at = to.values_at
    outcome.site, outcome.sha256 = to.site, job.sha256
    outcome.took_ms = int((place.loop.time() - job.marked_at) * 1000)
    return outcome


def passed_on(place: Place, job: Job, outcome: Outcome) -> Outcome:
    return handed_over(outcome, place.line.site) if job.holder.sending.other_routes else outcome


def _unwritable(job: Job, problem: Exception) -> Outcome:
    outcome = held(job.to.message, RENDER)
    outcome.reply = Reply(554, f"{type(problem).__name__}: {problem}"[:300], None, Phase.DATA, RENDER)
    return outcome
