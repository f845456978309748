"""`make bench`: how fast Shirase sends, beside two references on the same cores, in alternating rounds.

Absolute figures move with the machine and its neighbours; the ratios, each taken within one round, are what counts.
"""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass, field
from typing import Any

from tests.bench import importing, place, references

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "50000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SSL_SECONDS = 5
IMPORTED = 100_000
WANTED = {"unsigned": 0.4, "signed": 0.3}
RUNS = [(2, False), (1, False), (2, True), (1, True)]  # the run of each ratio right behind its reference


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


def name_of(workers: int, signed: bool) -> str:
    return f"{'signed' if signed else 'unsigned'}_{workers}"


def main() -> None:
    references.install_missing()
    place.prepare()
    try:
        told = measure()
        told["import"] = importing.apart(IMPORTED)
    finally:
        place.leave()
    path = place.VAR / "latest.json"
    path.write_text(json.dumps(told, indent=2) + "\n")
    show(told)
    print("\nimport")
    importing.print_figures(told["import"])
    print()
    judge(told["ratios"])
    print(f"\nwritten to {path.relative_to(place.ROOT)}")


def measure() -> dict[str, Any]:
    from tests.bench import pipeline

    bench = pipeline.make(MESSAGES)
    found: dict[str, Series] = {}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", flush=True)
        note(found, "smtp_source", references.smtp_source(MESSAGES))
        for workers, signed in RUNS[:2]:
            note(found, name_of(workers, signed), pipeline.rate(bench, workers=workers, signed=signed))
        note(found, "openssl_rsa2048", references.openssl_rsa2048(SSL_SECONDS))
        for workers, signed in RUNS[2:]:
            note(found, name_of(workers, signed), pipeline.rate(bench, workers=workers, signed=signed))
    return summary(found)


def note(found: dict[str, Series], name: str, rate: float) -> None:
    found.setdefault(name, Series()).values.append(rate)
    print(f"  {name:18}{rate:10,.0f}/s", flush=True)


def summary(found: dict[str, Series]) -> dict[str, object]:
    """Ratios are taken round by round, so that a slow minute slows both sides of each."""
    pairs = {"unsigned": ("unsigned_2", "smtp_source"), "signed": ("signed_2", "openssl_rsa2048")}
    ratios = {
        name: Series([a / b for a, b in zip(found[ours].values, found[theirs].values, strict=True)])
        for name, (ours, theirs) in pairs.items()
    }
    return {
        "messages": MESSAGES,
        "rounds": ROUNDS,
        "cores": os.cpu_count(),
        "references": {name: found[name].told() for name in ("smtp_source", "openssl_rsa2048")},
        "pipeline": {name_of(*run): found[name_of(*run)].told() for run in RUNS},
        "ratios": {name: series.told()["median"] for name, series in ratios.items()},
        "ratios_spread": {name: series.told() for name, series in ratios.items()},
    }


def show(told: dict[str, object]) -> None:
    for part in ("references", "pipeline", "ratios_spread"):
        print(f"\n{part.removesuffix('_spread')}")
        rows = told[part]
        assert isinstance(rows, dict)
        for name, row in rows.items():
            figures = "  ".join(f"{key} {value:,.{3 if value < 10 else 0}f}" for key, value in row.items())
            print(f"  {name:18}{figures}")


def judge(ratios: dict[str, float]) -> None:
    """Whether the targets hold: for whoever reads it. The exit code does not tell, since a busy machine is no fault."""
    for name, least in WANTED.items():
        print(f"{name} {ratios[name]:.3f} (at least {least} is wanted: {'yes' if ratios[name] >= least else 'NO'})")


if __name__ == "__main__":
    main()
