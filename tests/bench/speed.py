"""Messages a second beside smtp-source and openssl, in alternating rounds; what a message costs, stage by stage."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from contacts.models import List
from tests.bench import pipeline, references, stages
from tests.bench.pipeline import Bench, How, Ran, To

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SSL_SECONDS = 5
LEAST = {"unsigned": 0.55, "signed": 0.42}  # of smtp-source, of openssl
MOST_US = {"unsigned_1": 200.0, "signed_1": 660.0}  # CPU of the worker a message
RUNS = [How(2), How(1), How(2, signed=True), How(1, signed=True)]  # the run of each ratio right behind its reference


@dataclass
class Series:
    """One figure's value in each round."""

    values: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        return {
            "median": round(statistics.median(self.values), 3),
            "lowest": round(min(self.values), 3),
            "highest": round(max(self.values), 3),
        }


Found = dict[str, Series]


def name_of(how: How) -> str:
    return f"{'signed' if how.signed else 'unsigned'}_{how.workers}"


def measure(bench: Bench, messages: int) -> dict[str, Any]:
    rates, costs = Found(), {name: Found() for name in ("worker_us", "postgres_us", "wal_octets")}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", flush=True)
        note(rates, "smtp_source", references.smtp_source(messages))
        for how in RUNS[:2]:
            _run(bench, how, rates, costs)
        note(rates, "openssl_rsa2048", references.openssl_rsa2048(SSL_SECONDS))
        for how in RUNS[2:]:
            _run(bench, how, rates, costs)
    return summary(rates, costs, messages)


def _run(bench: Bench, how: How, rates: Found, costs: dict[str, Found]) -> None:
    with references.sink() as port:
        ran = pipeline.run(bench, To(port), how)
    note(rates, name_of(how), ran.rate)
    for name, value in (("worker_us", ran.worker_us), ("postgres_us", ran.postgres_us), ("wal_octets", ran.wal)):
        costs[name].setdefault(name_of(how), Series()).values.append(value)


def note(found: Found, name: str, rate: float) -> None:
    found.setdefault(name, Series()).values.append(rate)
    print(f"  {name:18}{rate:10,.0f}/s", flush=True)


def summary(rates: Found, costs: dict[str, Found], messages: int) -> dict[str, Any]:
    """Ratios are taken round by round, so that a slow minute slows both sides of each."""
    pairs = {"unsigned": ("unsigned_2", "smtp_source"), "signed": ("signed_2", "openssl_rsa2048")}
    ratios = {
        name: Series([a / b for a, b in zip(rates[ours].values, rates[theirs].values, strict=True)])
        for name, (ours, theirs) in pairs.items()
    }
    return {
        "messages": messages,
        "rounds": ROUNDS,
        "references": {name: rates[name].told() for name in ("smtp_source", "openssl_rsa2048")},
        "pipeline": {name_of(how): rates[name_of(how)].told() for how in RUNS},
        **{name: {run: series.told() for run, series in found.items()} for name, found in costs.items()},
        "ratios": {name: series.told()["median"] for name, series in ratios.items()},
        "ratios_spread": {name: series.told() for name, series in ratios.items()},
    }


def shares(bench: Bench, audience: List) -> Iterator[tuple[str, Ran, Ran]]:
    """Unsigned and signed: a plain run, and one with the clocks of the stages in."""
    for signed in (False, True):
        plain, watched = (_shared(bench, audience, signed=signed, clocks=clocks) for clocks in (False, True))
        yield "signed" if signed else "unsigned", plain, watched


def _shared(bench: Bench, audience: List, *, signed: bool, clocks: bool) -> Ran:
    with references.sink() as port:
        return pipeline.run(bench, To(port), How(1, signed=signed, stages=clocks), audience=audience)


def told_shares(ran: Ran) -> dict[str, float]:
    """µs of CPU a message, by stage."""
    return {stage: round(ran.stages.get(stage, 0.0) / ran.people * 1e6, 1) for stage in stages.ALL}


HEADINGS = {
    "references": "references, messages or signatures a second",
    "pipeline": "pipeline, messages a second",
    "worker_us": "CPU of the workers, µs a message",
    "postgres_us": "CPU of PostgreSQL, µs a message",
    "wal_octets": "WAL, octets a message",
    "ratios_spread": "ratios",
}


def show(told: dict[str, Any]) -> None:
    for part, heading in HEADINGS.items():
        print(f"\n{heading}")
        for name, row in told[part].items():
            figures = "  ".join(f"{key} {value:,.{3 if value < 10 else 0}f}" for key, value in row.items())
            print(f"  {name:18}{figures}")


def judge(told: dict[str, Any]) -> None:
    """Whether the targets hold: for whoever reads it. The exit code does not tell, since a busy machine is no fault."""
    print()
    for name, least in LEAST.items():
        found = told["ratios"][name]
        print(f"{name} {found:.3f} (at least {least} is wanted: {'yes' if found >= least else 'NO'})")
    for name, most in MOST_US.items():
        found = told["worker_us"][name]["median"]
        print(f"{name} {found:.0f} µs of CPU (at most {most:.0f} is wanted: {'yes' if found <= most else 'NO'})")


def show_shares(name: str, plain: Ran, watched: Ran) -> None:
    print(f"\nwhere a send process's CPU goes, {name}: {plain.worker_us:.0f} µs a message ", end="")
    print(f"({watched.worker_us:.0f} with the clocks of the stages in)")
    total = sum(told_shares(watched).values())
    for stage, us in told_shares(watched).items():
        print(f"  {stage:32}{us:8.1f} µs {us / total:6.0%}")
