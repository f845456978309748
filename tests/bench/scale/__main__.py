"""`make bench-scale`: one campaign of 1,000,000 people at 30,000 domains. A smaller number of people is the argument.

    expanded for a direct route (a lane for every site), and for a smarthost (one lane); a bare INSERT … SELECT around
    leases and gates measured; then two send processes, the ticks, and smtp-sink
    in the middle a transactional message, five times, and a campaign of 100
    leases and gates measured again near the end; the rest is sent

Times are told as multiples of something measured in the same run wherever a machine's speed would decide.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench import place, references

PEOPLE = 1_000_000
LEFT = 20_000  # of a campaign near its end: more than the workers hold in leases
WORKERS = 2
TRANSACTIONAL = 5
LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure, and the most it may be; no most: it is only told."""

    name: str
    value: float
    most: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool | None:
        return None if self.most is None else abs(self.value) <= self.most

    def __str__(self) -> str:
        wanted = "" if self.most is None else f"{self.most:,.6g}{self.unit}"
        verdict = {None: "", True: "holds", False: "does not hold"}[self.holds]
        return f"{self.name:62}{self.value:12,.2f}{self.unit:4}{wanted:>12}  {verdict}"


def main(number: int) -> None:
    references.install_missing()
    place.prepare()
    print(f"{number:,} people, {os.cpu_count()} cores\n{'':62}{'found':>12}{'at most':>16}")
    rows = []
    try:
        for row in measure(number):
            print(row, flush=True)
            rows.append(asdict(row) | {"holds": row.holds})
    finally:
        place.leave()
    path = place.VAR / "scale.json"
    path.write_text(json.dumps({"people": number, "cores": os.cpu_count(), "rows": rows}, indent=2) + "\n")
    print(f"\nwritten to {path.relative_to(place.ROOT)}")


def measure(number: int) -> Iterator[Judged]:
    """Each figure as soon as it is there."""
    from tests.bench import machine, pipeline
    from tests.bench.scale import audience

    bench = pipeline.nobody()
    audience.fill(bench.list, number)
    empty = machine.queue_octets()
    with references.sink() as port:
        mailing = yield from expand(bench, port)
        yield Judged("database per message once expanded", (machine.queue_octets() - empty) / number, unit=" B")
        yield from send(bench, mailing)
    yield Judged("database per message once sent", (machine.queue_octets() - empty) / number, unit=" B")


def expand(bench: Any, port: int) -> Generator[Judged, None, Any]:
    """The mailing that is to be sent comes back, paused."""
    from delivery import mailings
    from delivery.models import Route
    from tests.bench import pipeline
    from tests.bench.scale import audience

    direct = pipeline.schedule(bench, Route.objects.create(name="direct", kind=Route.Kind.DIRECT))
    bare = [audience.bare(direct, bench.list)]
    by_site = audience.expansion(direct)
    audience.forget(direct)
    mailing = pipeline.schedule(bench, pipeline.smarthost(pipeline.To(port)))
    one_lane = audience.expansion(mailing)
    bare.append(audience.bare(mailing, bench.list))
    mailings.pause(mailing)
    pipeline.settle_down()
    seconds, cpu = (sum(figures) / len(bare) for figures in zip(*bare, strict=True))
    yield Judged("bare INSERT … SELECT, same indexes", seconds, unit=" s")
    yield Judged("expansion to one lane, × the bare one", one_lane.whole / seconds, 6)
    yield Judged("  the same by CPU of PostgreSQL", one_lane.cpu / cpu, 6)
    yield Judged(f"expansion to {by_site.lanes:,} lanes, × the bare one", by_site.whole / seconds, 6)
    yield Judged("  the same by CPU of PostgreSQL", by_site.cpu / cpu, 6)
    yield Judged("its longest transaction", max(one_lane.longest, by_site.longest), unit=" s")
    return mailing


def send(bench: Any, mailing: Any) -> Iterator[Judged]:
    from delivery import mailings
    from delivery.queue.counts import counts
    from tests.bench import people, pipeline
    from tests.bench.scale import leases, watching

    hundred = people.some(bench.list, 100, "a hundred")
    route = mailing.routes.get()
    mailings.resume(mailing)
    lease, gate = leases.cost(mailing)
    with watching.ticking(), pipeline.workers(pipeline.How(WORKERS)) as processes:
        memory = watching.Memory([process.pid for process in processes])
        with memory.watched():
            began = time.monotonic()
            until(lambda: counts(mailing).delivered >= mailing.expanded / 2)
            waited = max(watching.transactional(bench, route) for _ in range(TRANSACTIONAL))
            yield Judged("a transactional message in the middle, slowest of five", waited, 2, " s")
            yield Judged("a campaign of 100 in the middle", watching.small_campaign(bench, route, hundred), 10, " s")
            until(lambda: counts(mailing).delivered >= mailing.expanded - LEFT)
            rate = counts(mailing).delivered / (time.monotonic() - began)
    yield Judged("messages a second beside all this, two send processes", rate, unit="/s")
    yield Judged("memory of a send process, most", max(memory.samples), 150, " MB")
    yield Judged("its growth, last tenth against first", memory.growth() * 100, 10, " %")
    late_lease, late_gate = leases.cost(mailing)
    yield Judged("a lease near the end against the start", (late_lease / lease - 1) * 100, 10, " %")
    yield Judged("a gate of 50 near the end against the start", (late_gate / gate - 1) * 100, 10, " %")
    with pipeline.workers(pipeline.How(WORKERS)):
        pipeline.wait_until_tried(mailing, longest=LONGEST)
    yield Judged("delivered, of those expanded", counts(mailing).delivered / mailing.expanded * 100, unit=" %")


def until(true: Any) -> None:
    deadline = time.monotonic() + LONGEST
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"not so far in {LONGEST:.0f} s")
        time.sleep(0.2)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
