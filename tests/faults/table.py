"""What was seen, one line a fault: printed as it comes, and kept in var/faults/latest.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD = f"{'fault':40}{'runs':>5}{'sent':>8}{'lost':>6}{'duplicated':>12}{'uncertain':>16}{'recovered':>12}"


@dataclass
class Told:
    """One line of the table: sums over its runs, and the slowest recovery."""

    fault: str
    seed: int
    runs: int = 0
    sent: int = 0  # acceptances in the receivers' ledgers
    lost: int = 0
    duplicated: int = 0
    uncertain: int = 0
    uncertain_at_most: int = 0
    recovered_after_s: float = 0.0  # from the fault until the campaign had ended
    broken: int = 0  # runs in which something did not hold
    not_shown: str = ""  # why this machine cannot play it

    def line(self) -> str:
        if self.not_shown:
            return f"{self.fault:40}  not shown here: {self.not_shown}"
        uncertain = f"{self.uncertain} (<= {self.uncertain_at_most})"
        return (
            f"{self.fault:40}{self.runs:5}{self.sent:8}{self.lost:6}{self.duplicated:12}{uncertain:>16}"
            f"{self.recovered_after_s:10.1f} s" + (f"  DID NOT HOLD {self.broken} TIMES" if self.broken else "")
        )

    def add(self, run: Told) -> None:
        for name in ("runs", "sent", "lost", "duplicated", "uncertain", "uncertain_at_most", "broken"):
            setattr(self, name, getattr(self, name) + getattr(run, name))
        self.recovered_after_s = max(self.recovered_after_s, run.recovered_after_s)
        self.not_shown = self.not_shown or run.not_shown


@dataclass
class Table:
    """The file is written again after each line, so that a run that is cut short leaves those that were whole."""

    path: Path
    order: Sequence[str]  # of the faults
    short: bool
    lines: dict[str, Told] = field(default_factory=dict)

    def keep(self) -> None:
        """The lines of an earlier run of the same form stay until they are played again."""
        if not self.path.exists():
            return
        earlier = json.loads(self.path.read_text())
        if earlier["short"] == self.short:
            self.lines = {row["fault"]: Told(**row) for row in earlier["rows"] if row["fault"] in self.order}

    def add(self, told: Told) -> None:
        print(told.line(), flush=True)
        self.lines[told.fault] = told
        rows = [asdict(self.lines[fault]) for fault in self.order if fault in self.lines]
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps({"short": self.short, "rows": rows}, indent=2) + "\n")
        draft.replace(self.path)
