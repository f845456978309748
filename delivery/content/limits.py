"""At save and at freeze a letter is compiled and rendered in a child process with limits (security.md T2).

A fresh interpreter, not a fork: web workers and Celery's processes have threads. It gets an empty
environment, so that no secret is anywhere near a template.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .render import Values
from .source import Frozen, Part, Source, TemplateProblem, gettext_noop

WALL_SECONDS = 20  # a crowded machine gives the two seconds of processor time slowly
_ROOT = Path(__file__).resolve().parents[2]


def check_in_child(
    source: Source,
    people: Iterable[Values] = (),
    *,
    campaign: Values | None = None,
    workspace: Values | None = None,
    headers: Mapping[str, str] | None = None,
    inliner: str = "premailer",
) -> Frozen:
    """The frozen letter, after it was rendered for these people and for one of whom nothing is known.

    Takes about half a second. Raises TemplateProblem: nothing was changed, the letter cannot be used.
    """
    request = {
        "source": {name: getattr(source, name) for name in Source.__dataclass_fields__},
        "people": [dict(person) for person in people],
        "campaign": dict(campaign or {}),
        "workspace": dict(workspace or {}),
        "headers": dict(headers or {}),
        "inliner": inliner,
    }
    reply = _ask(json.dumps(request))
    if "problem" in reply:
        where, line, column, message, params = reply["problem"]
        raise TemplateProblem(Part(where), line, column, message, **params)
    return _frozen(reply["frozen"])


def _ask(request: str) -> dict[str, Any]:
    command = [sys.executable, "-E", "-s", "-W", "ignore", "-m", "delivery.content.child"]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, encoding="utf-8", cwd=_ROOT,
            env={"PYTHONIOENCODING": "utf-8", "LANG": "C.UTF-8"}, timeout=WALL_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _too_long() from error
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _too_long()
    if done.returncode != 0:
        message = gettext_noop("The template needs too much memory.")
        if "MemoryError" in done.stderr or "bad_alloc" in done.stderr:
            raise TemplateProblem(Part.HTML, 0, 0, message)
        raise RuntimeError(f"the template check ended with {done.returncode}: {done.stderr[-2000:]}")
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def _too_long() -> TemplateProblem:
    return TemplateProblem(Part.HTML, 0, 0, gettext_noop("The template takes too long: it was stopped."))


def _frozen(values: dict[str, Any]) -> Frozen:
    lists = {name: tuple(values[name]) for name in ("links", "link_texts", "fields")}
    return Frozen(**{**values, **lists})
