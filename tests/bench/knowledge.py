"""How many replies the knowledge base explains a second, and what two megabytes of hostile text cost it."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass

from delivery.knowledge import classify
from delivery.knowledge.loading import LOCAL, knowledge
from delivery.smtp.replies import EnhancedStatus, Phase, Reply

REPLIES = 40_000
TARGET = 20_000  # replies a second on one core
MOST_MS = 100  # of 2 MB
TWO_MEGABYTES = 2_000_000
HOSTILE = ("a", "<", "a@", "5.1.1 ", "user unknow ", "\n550-", "rate limi ", "[ts0")


@dataclass(frozen=True)
class Pace:
    """CPU time of one core. `hostile_ms` is the worst of the patterns."""

    replies_a_second: float
    distinct: int
    hostile_ms: float


def measure() -> Pace:
    replies = some(REPLIES)
    for reply, provider in replies[:200]:  # the data is read before the clock starts
        classify(reply, provider=provider)
    began = time.process_time()
    for reply, provider in replies:
        classify(reply, provider=provider)
    spent = time.process_time() - began
    return Pace(len(replies) / spent, len({reply.text for reply, _ in replies}), hostile_ms())


def some(number: int) -> list[tuple[Reply, str]]:
    """Replies as servers give them: the samples of all entries, each with an address, host and queue id of its own."""
    chance = random.Random(1)
    entries = [entry for entry in knowledge().entries if entry.provider != LOCAL]
    made = []
    for n in range(number):
        entry = chance.choice(entries)
        code, _, words = chance.choice(entry.samples).partition(" ")
        text = f"{words} <reader{n}@example{n % 5000}.com> mx{n % 97}.example.net {chance.getrandbits(64):x}.{n}"
        made.append((Reply(int(code) if code.isdigit() else 550, text, _status(words), Phase.RCPT), entry.provider))
    return made


def _status(words: str) -> EnhancedStatus | None:
    parts = words.split(" ")[0].split(".")
    return EnhancedStatus(*map(int, parts)) if len(parts) == 3 and all(part.isdigit() for part in parts) else None


def hostile_ms() -> float:
    return max(_hostile_ms(pattern * (TWO_MEGABYTES // len(pattern))) for pattern in HOSTILE)


def _hostile_ms(text: str) -> float:
    began = time.process_time()
    classify(Reply(550, text))
    return (time.process_time() - began) * 1000


def told(pace: Pace) -> dict[str, float]:
    return {key: round(value, 1) for key, value in asdict(pace).items()}


def show(pace: Pace) -> None:
    print("\nknowledge base, one core, by CPU time", flush=True)
    print(
        f"  {pace.replies_a_second:,.0f} replies a second, {pace.distinct:,} of {REPLIES:,} texts distinct "
        f"(target {TARGET:,}: {_held(pace.replies_a_second >= TARGET)})"
    )
    print(f"  2 MB of hostile text: {pace.hostile_ms:.1f} ms (at most {MOST_MS}: {_held(pace.hostile_ms <= MOST_MS)})")


def _held(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"
