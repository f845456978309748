"""What a reply makes of a message: pure. One path for every outcome, since failures without a reply are replies too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery import adapting, retry, stops
from delivery.knowledge import Category, Scope, Verdict, classify
from delivery.models import Attempt, MessageState
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.spikes import Sign, sign

RETURNED = Attempt.RETURNED
REPLY_KEPT = 600  # characters of a reply that are stored
HANDOVER = 1.0  # seconds until another route takes who could not leave by the first
OURS = frozenset({Fault.WITHDRAWN, Fault.SOURCE_ADDRESS, Fault.ROUTE_SETTINGS})
NO_ADDRESS = frozenset({Fault.NO_SUCH_DOMAIN, Fault.NO_MAIL_HOST, Fault.NULL_MX})

_RESULTS = {
    Ending.DELIVERED: MessageState.DELIVERED,
    Ending.DEFERRED: MessageState.DEFERRED,
    Ending.FAILED: MessageState.FAILED,
    Ending.UNCERTAIN: MessageState.UNCERTAIN,
}


@dataclass(slots=True)
class Outcome:
    """What is to be recorded of one try and done to its message.

    `delay` is the seconds until the next try, for DEFERRED and RETURNED; `costs` how many attempts the try was.
    """

    message: int
    result: int
    cause: str | None = None
    delay: float = 0.0
    costs: int = 0
    reply: Reply | None = None
    site: int | None = None
    took_ms: int | None = None
    sha256: str | None = None
    transcript: dict[str, Any] | None = None
    sign: Sign = Sign.NONE
    stop: str = ""  # the failure speaks against the address: delivery.stops
    rest_domain: bool = False
    crashed: int = 0
    values_at: datetime | None = None  # of the first mark, where the next try must have the same bytes
    slower: bool = False  # the answer asks us to slow down
    failing: bool = False  # the receiver's doing, not ours: from the first of these on its time to give up runs
    waits_for: int | None = None  # the site whose own lane takes it, so that the next lease asks who may go there

    @property
    def final_block(self) -> bool:
        """They do not take this mail, or mail from us, and will not later."""
        return self.sign is Sign.BLOCK and self.result == MessageState.FAILED

    def recorded(self) -> dict[str, Any]:
        """As a row of Attempt; short names, since it travels as JSON."""
        row: dict[str, Any] = {"m": self.message, "r": self.result}
        reply = self.reply
        if reply is not None:
            row["c"], row["p"], row["t"] = reply.code or None, reply.phase.value, reply.text[:REPLY_KEPT]
            if reply.status is not None:
                row["e"] = str(reply.status)
        rest = {"u": self.cause, "s": self.site, "ms": self.took_ms, "h": self.sha256, "x": self.transcript}
        return row | {name: value for name, value in rest.items() if value is not None}

    def settled(self) -> dict[str, Any]:
        """What happens to the message's row."""
        return {
            "m": self.message, "r": self.result, "u": self.cause, "a": self.costs, "d": self.delay, "k": self.crashed,
            "v": self.values_at and self.values_at.isoformat(), "l": self.waits_for,
            "b": int(self.sign), "f": self.failing,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Try:
    """What is known about a message when its reply comes. `attempts` were made before this one."""

    message: int
    attempts: int = 0
    provider: str = ""
    at_most_once: bool = True
    sandbox: bool = False
    smarthost: bool = False
    proved: bool = False  # the place has taken a message since its last failure


def decide(attempt: Try, reply: Reply, chance: float) -> Outcome:
    """The outcome of one reply. Times are in unscaled seconds."""
    if reply.phase is Phase.DOT and reply.ok:
        return Outcome(attempt.message, MessageState.DELIVERED, costs=1, reply=reply)
    verdict = classify(reply, provider=attempt.provider)
    if attempt.smarthost and refuses_us(reply, verdict):
        return _refused_us(attempt, reply, verdict)
    end = _corrected(ending(reply), reply, verdict)
    slower = not attempt.sandbox and adapting.asks(reply, verdict)  # the sandbox answers as it was asked to
    if end is Ending.RETURNED:
        delay = retry.closed_for(1, gently=slower)
        failing = not (attempt.smarthost or attempt.sandbox) and reply.synthetic not in OURS
        return Outcome(attempt.message, RETURNED, verdict.cause, delay, reply=reply, slower=slower, failing=failing)
    if end is Ending.UNCERTAIN and not attempt.at_most_once:
        end = Ending.DEFERRED
    outcome = Outcome(attempt.message, _RESULTS[end], verdict.cause, costs=1, reply=reply, slower=slower)
    if end is not Ending.UNCERTAIN and not slower:
        outcome.sign = sign(verdict, final=end is Ending.FAILED)
    if end is Ending.DEFERRED:
        outcome.failing = True
        outcome.delay = retry.delay(verdict.category, attempt.attempts + 1, chance, sandbox=attempt.sandbox)
    if end is Ending.FAILED:
        outcome.stop = stops.reason_of(verdict)
        outcome.rest_domain = verdict.category is Category.INVALID_DOMAIN and reply.synthetic in NO_ADDRESS
    return outcome


def refuses_us(reply: Reply, verdict: Verdict) -> bool:
    """From our own smarthost: it wants a sign-in first (RFC 4954, 6; RFC 3207, 4) or refuses it, does not relay for us,
    or does not let our account or From address send."""
    sign_in = reply.code == 530 or (reply.phase is Phase.AUTH and reply.permanent)
    account = verdict.category is Category.OUR_CREDENTIALS and not verdict.retry
    return sign_in or account or verdict.category is Category.RELAY_DENIED


def _refused_us(attempt: Try, reply: Reply, verdict: Verdict) -> Outcome:
    """Nobody fails by it. Where it may mean this From address only, or no relaying to this person's domain since the
    smarthost has just taken others, the route goes on and a person decides."""
    of_domain = verdict.category is Category.RELAY_DENIED and attempt.proved and reply.code != 530
    if verdict.scope is Scope.SENDING_DOMAIN or of_domain:
        return Outcome(attempt.message, MessageState.HELD, verdict.cause, costs=1, reply=reply)
    return Outcome(attempt.message, RETURNED, verdict.cause, retry.closed_for(1), reply=reply)


def _corrected(end: Ending, reply: Reply, verdict: Verdict) -> Ending:
    """A rule may know better than the first digit (552 to RCPT is an old "too many recipients")."""
    if reply.phase is Phase.DNS and not reply.permanent:
        return Ending.RETURNED
    if end is Ending.FAILED and verdict.retry:
        return Ending.DEFERRED
    if end is Ending.DEFERRED and not verdict.retry and not reply.synthetic:
        return Ending.FAILED
    return end


def held(message: int, cause: str) -> Outcome:
    """A person must decide."""
    return Outcome(message, MessageState.HELD, cause)


def cancelled(message: int, reason: str) -> Outcome:
    return Outcome(message, MessageState.CANCELLED, reason)


def returned(
    message: int, delay: float = 0.0, *, cause: str | None = None, crashed: int = 0, failing: bool = False
) -> Outcome:
    """Not tried, or nothing was said about the person: it waits again, at no cost."""
    return Outcome(message, RETURNED, cause, delay, crashed=crashed, failing=failing)


def handed_over(outcome: Outcome, site: int | None) -> Outcome:
    """One that was returned, of a mailing with several routes: the next lease finds the one that is open. With direct
    delivery only this site may be closed, so that the message leaves the lane that it shares with others."""
    outcome.delay, outcome.waits_for = min(outcome.delay, HANDOVER), site
    return outcome
