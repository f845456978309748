"""How many messages one gate marks: enough that the wire never waits for a commit, few where the wire is slow. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 20  # of a lane that has shown nothing yet
MOST = 200
COMMITS_AHEAD = 4.0  # a batch lasts this many commits on the wire
LEAST_SECONDS = 0.05
SMOOTHING = 0.3


@dataclass(slots=True)
class Pace:
    """What one lane has shown so far. `least`: a batch smaller than the connections would leave some without work, and
    where the receiver is far away the rate that it shows would never rise."""

    least: int
    rate: float = 0.0  # answers a second, 0 while unknown
    latency: float = 0.0  # seconds of one gate

    def size(self) -> int:
        if not self.rate:
            return max(FIRST, self.least)
        seconds = max(LEAST_SECONDS, COMMITS_AHEAD * self.latency)
        return max(self.least, min(MOST, int(self.rate * seconds)))

    def answered(self, number: int, seconds: float) -> None:
        if number and seconds > 0:
            self.rate = _smooth(self.rate, number / seconds)

    def gated(self, seconds: float) -> None:
        self.latency = _smooth(self.latency, seconds)


def _smooth(before: float, now: float) -> float:
    return now if not before else before + SMOOTHING * (now - before)
