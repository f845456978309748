"""Where a send process's CPU goes, by stage.

Method: the functions at the borders of the stages are wrapped with the CPU clock of their thread (not the wall's, so
that waiting counts for nothing). Times are exclusive: while an inner stage runs, the outer one's clock stands. What no
stage has claimed is the rest of the process: event loop and sockets. The clock itself costs
some µs a message, so that stages are measured in a run of their own; its total stands beside that of a plain run.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

ALL = ("gate and database", "render and build", "sign", "SMTP", "journal", "outcomes", "event loop and sockets")
DATABASE, RENDER, SIGN, SMTP, JOURNAL, OUTCOMES, OTHER = ALL


class Stages:
    """One process's CPU seconds by stage."""

    def __init__(self) -> None:
        self._threads: list[Counter[str]] = []
        self._own = threading.local()

    def spent(self, *, since: float) -> dict[str, float]:
        """By stage, over all threads; OTHER is what remains of the process's CPU since that moment of its clock."""
        total: Counter[str] = Counter()
        for thread in self._threads:
            total.update(thread)
        return {**total, OTHER: max(0.0, time.process_time() - since - sum(total.values()))}

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count this function, from now on, to the stage."""
        setattr(owner, name, self._timed(getattr(owner, name), stage))

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            spent, open_stages = self._here()
            began = time.thread_time()
            open_stages.append(0.0)  # what inner stages have taken
            try:
                return function(*args, **kwargs)
            finally:
                took = time.thread_time() - began
                spent[stage] += took - open_stages.pop()
                if open_stages:
                    open_stages[-1] += took

        return timed

    def _here(self) -> tuple[Counter[str], list[float]]:
        if not hasattr(self._own, "spent"):
            self._own.spent, self._own.open = Counter(), []
            self._threads.append(self._own.spent)
        return self._own.spent, self._own.open


def watch_all() -> Stages:
    """The stages of a send process; before its first lease."""
    from delivery.dkim import Signer
    from delivery.journal import Journal
    from delivery.sender import connections, database, mailing
    from delivery.smtp.pipeline import Pipeline

    stages = Stages()
    stages.watch(database, "_call", DATABASE)
    stages.watch(mailing.Sending, "write", RENDER)
    stages.watch(Signer, "sign", SIGN)
    for name in ("building", "built", "dot", "reply"):
        stages.watch(Journal, name, JOURNAL)
    stages.watch(Pipeline, "data_received", SMTP)
    stages.watch(Pipeline, "_begin", SMTP)
    stages.watch(connections.Connection, "_on_reply", OUTCOMES)
    return stages
