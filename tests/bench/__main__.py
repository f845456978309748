"""`make bench`: how fast Shirase sends, beside two references on the same cores, in alternating rounds.

Absolute figures move with the machine and its neighbours; the ratios, each taken within one round, are what counts.
`python -m tests.bench speed receivers` measures only these parts.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from tests.bench import importing, place, references

if TYPE_CHECKING:
    from tests.bench.pipeline import Bench

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "50000"))
WATCHED = 20_000  # messages of a run with clocks in
IMPORTED = 100_000
PARTS = ("knowledge", "bounces", "flushes", "speed", "shares", "receivers", "throttle", "import", "reports", "listener")
ASKED = ("adapting",)  # only where they are named: seven minutes in real time
APART = {"knowledge", "bounces", "reports", "listener"}  # they need neither references nor a campaign


def main(parts: list[str]) -> None:
    if unknown := set(parts) - set(PARTS) - set(ASKED):
        sys.exit(f"make bench knows the parts {', '.join(PARTS + ASKED)}; not {', '.join(sorted(unknown))}")
    parts = parts or list(PARTS)
    told: dict[str, Any] = {"cores": os.cpu_count()}
    if "knowledge" in parts:
        told["knowledge"] = measure_knowledge()
    if "bounces" in parts:
        told["bounces"] = measure_bounces()
    if "reports" in parts:
        told["reports"] = measure_reports()
    if "listener" in parts:
        told["listener_per_second"] = measure_listener()
    if set(parts) - APART:
        told |= measure_on_database(parts)
    path = place.VAR / "latest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2) + "\n")
    print(f"\nwritten to {path.relative_to(place.ROOT)}")


def measure_knowledge() -> dict[str, float]:
    from tests.bench import knowledge

    pace = knowledge.measure()
    knowledge.show(pace)
    return knowledge.told(pace)


def measure_bounces() -> dict[str, Any]:
    from tests.bench import bounces

    pace = bounces.measure()
    bounces.show(pace)
    return bounces.told(pace)


def measure_reports() -> dict[str, Any]:
    from tests.bench import reports

    place.prepare()
    try:
        found = reports.measure()
    finally:
        place.leave()
    reports.show(found)
    return {str(size): one for size, one in found.items()}


def measure_listener() -> float:
    from tests.bench import listener

    place.prepare()
    try:
        pace = listener.measure()
    finally:
        place.leave()
    listener.show(pace)
    return round(pace.rate, 1)


def measure_on_database(parts: list[str]) -> dict[str, Any]:
    references.install_missing()
    place.prepare()
    try:
        return measure(parts)
    finally:
        place.leave()


def measure(parts: list[str]) -> dict[str, Any]:
    """Each part prints what it found as soon as it is through."""
    from tests.bench import flushes, people, pipeline, receivers, speed, throttling

    told: dict[str, Any] = {}
    bench = pipeline.make(MESSAGES)
    if "flushes" in parts:
        told["pg_test_fsync_us"] = flushes.measure()
        flushes.show(told["pg_test_fsync_us"])
    if "speed" in parts:
        told |= speed.measure(bench, MESSAGES)
        speed.show(told)
        speed.judge(told)
    if "shares" in parts:
        told["shares_us"] = {}
        for name, plain, watched in speed.shares(bench, people.some(bench.list, WATCHED, "watched")):
            told["shares_us"][name] = speed.told_shares(watched)
            speed.show_shares(name, plain, watched)
    if "receivers" in parts:
        print("\none send process, by receiver", flush=True)
        told["receivers"] = []
        for row in receivers.measure(bench):
            told["receivers"].append(row.told())
            print(f"  {row}", flush=True)
    if "throttle" in parts:
        print("\nset rates, three at once, by the receiver's clock", flush=True)
        kept = throttling.measure(bench)
        told["throttle"] = {f"{row.rate:.0f}": round(row.off, 4) for row in kept}
        print(*(f"  {row}" for row in kept), sep="\n")
    if "adapting" in parts:
        told["adapting"] = measure_adapting(bench)
    if "import" in parts:
        print("\nimport", flush=True)
        told["import"] = importing.apart(IMPORTED)
        importing.print_figures(told["import"])
    return told


def measure_adapting(bench: Bench) -> dict[str, Any]:
    from tests.bench import adapting

    print("\na receiver that asks us to slow down, by its own count", flush=True)
    told = {}
    for seen in adapting.measure(bench):
        told[seen.name] = seen.told()
        print(f"  {seen}", flush=True)
    return told


if __name__ == "__main__":
    main(sys.argv[1:])
