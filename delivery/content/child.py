"""The child process that compiles and renders what nobody has vouched for yet: `python -m delivery.content.child`.

It reads one JSON object from stdin and writes one to stdout; its limits are its own (limits.py starts it).
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .freeze import freeze, written_out
from .inline import INLINERS
from .render import Renderer, WireRenderer
from .sandbox import compile_part
from .source import Frozen, Kind, Part, RenderLimit, Slots, Source, TemplateProblem, gettext_noop

CPU_SECONDS = 2
MEMORY = 1_000_000_000  # bytes of address space

_SLOTS = Slots(*("https://example.com/" + name for name in ("c/", "o", "u", "p", "v")))


def limit() -> None:
    """From here on: two more seconds of processor time, bounded memory, no files written."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + CPU_SECONDS, int(used) + CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"frozen": …} or {"problem": …}."""
    source = Source(**{**request["source"], "kind": Kind(request["source"]["kind"])})
    try:
        frozen = check(source, request)
    except TemplateProblem as problem:
        return {"problem": [problem.where, problem.line, problem.column, problem.message, problem.params]}
    except (MemoryError, RecursionError):
        message = gettext_noop("The template needs too much memory.")
        return {"problem": [Part.HTML, 0, 0, message, {}]}
    return {"frozen": asdict(frozen)}


def check(source: Source, request: Mapping[str, Any]) -> Frozen:
    """Renders the letter for every sample person and for somebody of whom nothing is known."""
    scope = {name: request[name] for name in ("campaign", "workspace")}
    people = [*request["people"], {}]
    frozen = freeze(source, headers=request["headers"], inliner=INLINERS[request["inliner"]])
    try:
        _render_source(source, people, scope)
        renderers = Renderer(frozen, **scope), WireRenderer(frozen, **scope)
        for person in people:
            renderers[0].render(person, _SLOTS)
            renderers[1].encode(person, _SLOTS)
    except RenderLimit as limit:
        raise TemplateProblem(limit.where or Part.HTML, limit.line, 1, limit.message, **limit.params) from limit
    return frozen


def _render_source(source: Source, people: list[dict[str, Any]], scope: Mapping[str, Any]) -> None:
    """The parts as their author wrote them, so that an error names a line that they know."""
    html, text = written_out(source)
    addresses = dict.fromkeys(("unsubscribe_url", "preferences_url", "view_url"), "https://example.com/")
    bodies = {Part.SUBJECT: source.subject, Part.PREHEADER: source.preheader, Part.HTML: html, Part.TEXT: text}
    for part, body in bodies.items():
        compiled = compile_part(part, body)
        for person in people:
            compiled.render({**scope, **addresses, "contact": person, "_language": source.language})


def main() -> None:
    limit()
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
