"""What one message costs, step by step, in µs: `python -m tests.bench.content`. Quote ratios, not times."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable

from delivery.content.freeze import freeze
from delivery.content.message import Addressed, Skeleton
from delivery.dkim import Signer, new_key
from tests.delivery.content.samples import IDENTITY, RING, SECOND, composer, fifteen_kilobytes, reader, recipient


def microseconds(step: Callable[[], object], *, number: int = 200, rounds: int = 15) -> tuple[float, float]:
    """The best and the median of some rounds: on a shared machine the best is nearest to the cost."""
    runs = timeit.repeat(step, timer=time.process_time, number=number, repeat=rounds)
    times = [spent / number * 1e6 for spent in runs]
    return min(times), statistics.median(times)


def main() -> None:
    frozen = freeze(fifteen_kilobytes())
    private, _ = new_key()
    signer = Signer("example.com", "s1", private)
    plain, signed = composer(frozen), composer(frozen, signer=signer)
    to = recipient()
    slots = plain.slots(to)
    encoded = plain.renderer.encode(reader(), slots)
    skeleton = Skeleton(IDENTITY, plain.renderer.encodings, frozen.hash)
    addressed = Addressed(12345, "hanako@example.net", "", SECOND, RING.return_path_local(12345), slots.unsubscribe)
    data = plain.compose(to, second=SECOND).data
    steps: dict[str, Callable[[], object]] = {
        "tokens": lambda: plain.slots(to),
        "rendered and encoded": lambda: plain.renderer.encode(to.values, slots),
        "MIME and headers": lambda: skeleton.build(addressed, encoded),
        "whole message, unsigned": lambda: plain.compose(to, second=SECOND),
        "DKIM": lambda: signer.sign(data, SECOND, canonical=True),
        "whole message, signed": lambda: signed.compose(to, second=SECOND),
    }
    print(f"{len(frozen.html):,} characters of HTML, {len(data):,} octets of message")
    for name, step in steps.items():
        best, median = microseconds(step)
        print(f"{name:26}{best:9.1f} µs, median {median:7.1f}")


if __name__ == "__main__":
    main()
