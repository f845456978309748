"""How fast to go where a receiver asked us to slow down. Pure: rates are messages a second, ages unscaled seconds.

The rate follows from two numbers that all workers share, the rate that was refused and how long ago: half of it at
once, soon back to 0.9, a while there, then 5 % more at a time; past the refused rate 10 %, until nobody would notice
the limit any more. So nothing is written between two refusals.
"""

from __future__ import annotations

import math
from collections import deque

from delivery.knowledge import Action, Category, Scope, Verdict
from delivery.smtp.replies import Reply

HALVED = 0.5
NEARLY = 0.9  # of the refused rate: where it stays
GROWTH = 1.05
CAREFUL = 3  # so many steps by this: then what was refused is passed, and the limit must have risen
FASTER = 1.1
HOLD = 2.0  # seconds at half the rate, in which every worker hears of it and what was on its way is answered
RETURN = 2.0  # then until it is back at 0.9
STAY = 30.0
STEP = 5.0
FREE = 10.0  # times the refused rate: then it holds nobody back
LEAST = 0.02  # one a minute at the half
MEASURED_AS_SET = 0.5  # when so much of a set rate got through, the set rate is what was refused
CALM = 7.0  # seconds after a refusal, and these more:
CALM_MESSAGES = 60
PROBING = HOLD + RETURN + STAY

_ASKING = frozenset(
    {Category.RATE_LIMITED, Category.IP_REPUTATION, Category.DOMAIN_REPUTATION, Category.TOO_MANY_CONNECTIONS}
)
_OURS = frozenset({Scope.SITE, Scope.SOURCE, Scope.SENDING_DOMAIN})


def asks(reply: Reply, verdict: Verdict) -> bool:
    """Whether this answer asks us to go slower: rate limited, distrusted for now, or the whole server busy.

    By its category; only "busy" needs the code: 421 speaks for the service, 45x for one command (RFC 5321, 4.2.3).
    What lies with one person, or with how many go over one connection, is no matter of speed.
    """
    if reply.synthetic or not verdict.retry or verdict.scope not in _OURS:
        return False
    if verdict.category is Category.REMOTE_BUSY:
        return reply.code == 421
    return verdict.category in _ASKING and verdict.action is Action.RETRY_SLOW


def rate(refused: float, age: float) -> float:
    """Messages a second, `age` seconds after this rate was refused."""
    if age < HOLD:
        return refused * HALVED
    if age < HOLD + RETURN:
        return refused * (HALVED + (NEARLY - HALVED) * (age - HOLD) / RETURN)
    steps = 0 if age < PROBING else 1 + math.floor((age - PROBING) / STEP)
    return refused * NEARLY * _grown(steps)


def _grown(steps: int) -> float:
    return float(GROWTH ** min(steps, CAREFUL) * FASTER ** max(0, steps - CAREFUL))


def lasts(refused: float, free: float) -> float:
    """Seconds from the refusal until the rate is `free` again."""
    left = free / (refused * NEARLY)
    steps = math.ceil(math.log(left, GROWTH) - 1e-9)
    if steps > CAREFUL:
        steps = CAREFUL + math.ceil(math.log(left / _grown(CAREFUL), FASTER) - 1e-9)
    return PROBING + max(0, steps - 1) * STEP


def free(refused: float, limit: float) -> float:
    """The rate at which nothing is left of the slowing: a set limit's, else far more than was refused."""
    return max(refused, min(limit, refused * FREE))


def refused_rate(went: float, measured: float, former: float = 0.0, age: float = math.inf) -> float:
    """The rate that was refused: the one set, or what actually got through where that was clearly less.

    `went` is infinite where nothing was set. `former` was refused `age` seconds ago (0: nothing was). Where less was
    sent since and nobody minded for a while, one refusal is a chance, or a burst of ours after a stall: the limit is
    where it was. One that did fall refuses again before it is calm.
    """
    if measured < MEASURED_AS_SET * went:
        return max(LEAST, measured)
    return max(LEAST, went, former if age >= CALM + CALM_MESSAGES / went else 0.0)


def counts(age: float, sent: float) -> bool:
    """Whether a refusal says something new: its message left, `sent` seconds ago, after all had heard of the last one,
    which was `age` seconds ago."""
    return age - sent >= HOLD


def measured_over(went: float) -> float:
    """Seconds over which to count what got through: about twenty messages, five seconds to a minute."""
    return min(60.0, max(5.0, 20 / went)) if went > 0 else 60.0


class Meter:
    """What got through lately, as one worker knows it at once: messages a second over about five `width`s."""

    def __init__(self, width: float) -> None:
        self._width = width
        self._total = 0
        self._marks: deque[tuple[float, int]] = deque(maxlen=5)  # (second, taken before it)
        self.last = -math.inf  # when the last one was taken

    def took(self, now: float) -> None:
        if not self._marks or now - self._marks[-1][0] >= self._width:
            self._marks.append((now, self._total))
        self._total += 1
        self.last = now

    def rate(self, now: float) -> float:
        recent = [mark for mark in self._marks if now - mark[0] <= 6 * self._width]
        return (self._total - recent[0][1]) / max(self._width, now - recent[0][0]) if recent else 0.0
