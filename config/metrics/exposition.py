"""The text format of Prometheus, 0.0.4. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]
"""Labels and a value in the figure's unit."""


@dataclass(frozen=True)
class Figure:
    """One metric. `samples` may be empty: then it is not shown, since nobody knows it now."""

    name: str
    words: str
    samples: Sequence[Sample] = ()
    kind: str = "gauge"


def one(name: str, words: str, value: float | None, *, kind: str = "gauge") -> Figure:
    """A figure without labels; None where nobody knows it."""
    return Figure(name, words, [({}, value)] if value is not None else [], kind)


def by(name: str, words: str, label: str, values: Mapping[str, float], *, kind: str = "gauge") -> Figure:
    """A figure with one label."""
    return Figure(name, words, [({label: key}, value) for key, value in values.items()], kind)


def text(figures: Iterable[Figure]) -> str:
    return "".join(_lines(figure) for figure in figures if figure.samples)


def _lines(figure: Figure) -> str:
    words = figure.words.replace("\\", "\\\\").replace("\n", "\\n")
    head = f"# HELP {figure.name} {words}\n# TYPE {figure.name} {figure.kind}\n"
    return head + "".join(f"{figure.name}{_labels(labels)} {value!r}\n" for labels, value in figure.samples)


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
