"""The colours keep their promise in both themes: text at 4.5:1, borders of controls and marks of charts at 3:1."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "config/assets/css/tokens.css").read_text()
MARKS = ("done", "wait", "stop", "run", "ai", "ghost")
STATES = ("run", "done", "wait", "stop", "mute")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "link") for ground in ("paper", "surface", "side", "sunken")),
    *((state, f"{state}-soft") for state in STATES),
    *((state, ground) for state in STATES for ground in ("paper", "surface")),
    *(("ink-2", f"{state}-soft") for state in STATES),
    ("on-ai", "ai"),
    ("ai", "ai-soft"),
    ("ink", "ai-soft"),
    ("ink-3", "ai-soft"),
    ("paper", "ink"),
    ("paper", "stop"),
    ("on-h4", "h4"),
    ("on-h5", "h5"),
    *(("ink", f"h{step}") for step in (1, 2, 3)),
]
EDGES = [
    *(("field", ground) for ground in ("paper", "surface")),
    *(
        (f"c-{mark}", ground)
        for mark in ("done", "wait", "stop", "run", "ai", "ghost")
        for ground in ("paper", "surface")
    ),
    *(("ai", ground) for ground in ("paper", "surface", "side")),
]


def tokens(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{([^}}]*)\}}', CSS)
    assert block
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_borders_of_controls_and_chart_marks_can_be_seen(theme: str, edge: str, ground: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[edge], colours[ground]) >= 3


def test_both_themes_have_every_colour() -> None:
    assert tokens("light").keys() == tokens("dark").keys()
