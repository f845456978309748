"""How many bounces are read a second, and what two megabytes of hostile mail cost."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from delivery.bounces.reading import read
from tests.delivery.bounces.hostile import HOSTILE

SAMPLES = Path(__file__).parents[1] / "samples" / "bounces"
ROUNDS = 20
MOST_MS = 100  # of 2 MB
TWO_MEGABYTES = 2_000_000


@dataclass(frozen=True)
class Pace:
    """CPU time of one core. `hostile_ms` is the worst of the kinds of hostile mail."""

    messages_a_second: float
    samples: int
    hostile_ms: float
    worst: str


def measure() -> Pace:
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))]
    for raw in samples:  # the knowledge base is read before the clock starts
        read(raw)
    began = time.process_time()
    for number in range(ROUNDS):
        for raw in samples:  # no text comes twice
            read(raw.replace(b"example", b"example%d" % number))
    spent = time.process_time() - began
    hostile_ms, worst = max((_milliseconds(make(TWO_MEGABYTES)), name) for name, make in HOSTILE.items())
    return Pace(ROUNDS * len(samples) / spent, len(samples), hostile_ms, worst)


def _milliseconds(raw: bytes) -> float:
    began = time.process_time()
    read(raw)
    return (time.process_time() - began) * 1000


def told(pace: Pace) -> dict[str, float | str]:
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in asdict(pace).items()}


def show(pace: Pace) -> None:
    print("\nreading what comes back, one core, by CPU time", flush=True)
    print(f"  {pace.messages_a_second:,.0f} messages a second, of {pace.samples} samples of all dialects")
    held = "holds" if pace.hostile_ms <= MOST_MS else "DOES NOT HOLD"
    print(f"  2 MB of hostile mail: {pace.hostile_ms:.1f} ms ({pace.worst}; at most {MOST_MS}: {held})")
