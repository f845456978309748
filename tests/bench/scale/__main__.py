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
    try:
        rows = measure(number)
    finally:
        place.leave()
    path = place.VAR / "scale.json"
    found = [asdict(row) | {"holds": row.holds} for row in rows]
    path.write_text(json.dumps({"people": number, "cores": os.cpu_count(), "rows": found}, indent=2) + "\n")
    print(f"\n{number:,} people, {os.cpu_count()} cores\n{'':62}{'found':>12}{'at most':>16}")
    print(*rows, sep="\n")
    print(f"\nwritten to {path.relative_to(place.ROOT)}")


def measure(number: int) -> list[Judged]:
    from tests.bench import machine, pipeline
    from tests.bench.scale import audience

    bench = pipeline.nobody()
    say("people")
    audience.fill(bench.list, number)
    empty = machine.queue_octets()
    with references.sink() as port:
        mailing, rows = expand(bench, port)
        expanded = machine.queue_octets()
        rows += send(bench, mailing)
    sent = machine.queue_octets()
    rows += [
        Judged("database per message once expanded", (expanded - empty) / number, unit=" B"),
        Judged("database per message once sent", (sent - empty) / number, unit=" B"),
    ]
    return rows


def expand(bench: Any, port: int) -> tuple[Any, list[Judged]]:
    """The mailing that is to be sent comes back, paused."""
    from delivery import mailings
    from delivery.models import Route
    from tests.bench import pipeline
    from tests.bench.scale import audience

    say("expansion")
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
    return mailing, [
        Judged("bare INSERT … SELECT, same indexes", seconds, unit=" s"),
        Judged("expansion to one lane, × the bare one", one_lane.whole / seconds, 6),
        Judged("  the same by CPU of PostgreSQL", one_lane.cpu / cpu, 6),
        Judged(f"expansion to {by_site.lanes:,} lanes, × the bare one", by_site.whole / seconds, 6),
        Judged("  the same by CPU of PostgreSQL", by_site.cpu / cpu, 6),
        Judged("its longest transaction", max(one_lane.longest, by_site.longest), unit=" s"),
    ]


def send(bench: Any, mailing: Any) -> list[Judged]:
    from delivery import mailings
    from delivery.queue.counts import counts
    from tests.bench import people, pipeline
    from tests.bench.scale import leases, watching

    hundred = people.some(bench.list, 100, "a hundred")
    route = mailing.routes.get()
    mailings.resume(mailing)
    say("leases at the start")
    at_start = leases.cost(mailing)
    say("sending")
    with watching.ticking(), pipeline.workers(pipeline.How(WORKERS)) as processes:
        memory = watching.Memory([process.pid for process in processes])
        with memory.watched():
            began = time.monotonic()
            until(lambda: counts(mailing).delivered >= mailing.expanded / 2)
            waited = [watching.transactional(bench, route) for _ in range(TRANSACTIONAL)]
            hundred_took = watching.small_campaign(bench, route, hundred)
            until(lambda: counts(mailing).delivered >= mailing.expanded - LEFT)
            rate = counts(mailing).delivered / (time.monotonic() - began)
    say("leases near the end")
    at_end = leases.cost(mailing)
    with pipeline.workers(pipeline.How(WORKERS)):
        pipeline.wait_until_tried(mailing, longest=LONGEST)
    (lease, gate), (late_lease, late_gate) = at_start, at_end
    return [
        Judged("messages a second beside all this, two send processes", rate, unit="/s"),
        Judged("a lease near the end against the start", (late_lease / lease - 1) * 100, 10, " %"),
        Judged("a gate of 50 near the end against the start", (late_gate / gate - 1) * 100, 10, " %"),
        Judged("memory of a send process, most", max(memory.samples), 150, " MB"),
        Judged("its growth, last tenth against first", memory.growth() * 100, 10, " %"),
        Judged("a transactional message in the middle, slowest of five", max(waited), 2, " s"),
        Judged("a campaign of 100 in the middle", hundred_took, 10, " s"),
        Judged("delivered, of those expanded", counts(mailing).delivered / mailing.expanded * 100, unit=" %"),
    ]


def until(true: Any) -> None:
    deadline = time.monotonic() + LONGEST
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"not so far in {LONGEST:.0f} s")
        time.sleep(0.2)


def say(what: str) -> None:
    print(time.strftime("%H:%M:%S"), what, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
