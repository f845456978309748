"""The starter letters: each can be sent as it is, in both languages, with everything that the preflight asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from delivery.content.analysis import analyse
from delivery.content.freeze import freeze
from delivery.content.render import Renderer
from delivery.content.source import Kind, Slots, Source

FOLDER = Path(__file__).resolve().parents[2] / "campaigns" / "starters"
STARTERS = sorted(FOLDER.glob("*/*.toml"))
KNOWN = {"first_name": "Hanako", "last_name": "山田", "tags": ["vip"]}
WORKSPACE = {"name": "Field & Loom", "legal_name": "Field & Loom Ltd.", "postal_address": "12 Mill Lane\nBath"}


def source(path: Path) -> tuple[dict[str, Any], Source]:
    about = tomllib.loads(path.read_text("utf-8"))
    kind = Kind(about["kind"])
    body = path.with_suffix(".html" if kind is Kind.HTML else ".txt").read_text("utf-8")
    html, text = (body, "") if kind is Kind.HTML else ("", body)
    return about, Source(kind, about["subject"], about["preheader"], html, text, path.parent.name)


def test_there_are_three_in_each_language_with_the_same_names() -> None:
    names = {language: [path.stem for path in STARTERS if path.parent.name == language] for language in ("en", "ja")}
    assert names["en"] == names["ja"]
    assert len(names["en"]) == 3


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_starter_lacks_nothing(path: Path) -> None:
    about, letter = source(path)
    frozen = freeze(letter)
    facts = analyse(letter, frozen)
    assert about["name"] and about["description"] and about["order"]
    assert facts.has_unsubscribe
    assert facts.has_legal_block
    assert facts.size < 40_000
    assert not facts.broken_links
    assert not facts.generic_links
    assert not facts.images_without_alt
    assert not facts.fields_without_fallback
    assert not facts.unknown_fields(["first_name", "last_name", "tags"])
    assert f'lang="{path.parent.name}"' in frozen.html
    assert "prefers-color-scheme: dark" in frozen.html
    tables = re.findall(r"<table\b[^>]*>", frozen.html)
    assert all('role="presentation"' in table for table in tables)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("person", [{}, KNOWN], ids=["unknown", "known"])
def test_a_starter_reads_well_for_everyone(path: Path, person: dict[str, Any]) -> None:
    slots = Slots(unsubscribe="https://t.example/u/x", preferences="https://t.example/p/x")
    shown = Renderer(freeze(source(path)[1]), workspace=WORKSPACE, tracked=False).render(person, slots)
    assert "Field &amp; Loom Ltd." in shown.html
    assert "12 Mill Lane\nBath" in shown.text
    assert "https://t.example/u/x" in shown.text
    assert "  " not in shown.subject
    assert not re.search(r"(?:Hello|Dear) ,", shown.text)
