"""Pages keep to the design system: classes that exist, and nothing inline that the content policy would refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "var" / "static"
PAGES = sorted(page for page in (ROOT / "templates").rglob("*.html") if "email" not in page.parts)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)


def styled() -> set[str]:
    sheets = json.loads((STATIC / "assets.json").read_text())
    css = " ".join((STATIC / sheets[name]).read_text() for name in ("app.css", "editor.css"))
    return {name.replace("\\", "") for name in re.findall(r"\.(-?[A-Za-z_](?:[\w-]|\\.)*)", css)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "templates")))
def test_every_class_of_a_page_is_styled(page: Path) -> None:
    values = re.findall(r'\sclass="((?:\{%.*?%\}|\{\{.*?\}\}|[^"])*)"', page.read_text(), re.DOTALL)
    used = {name for value in values for name in TAG.sub(" ", value).split() if not name.endswith("-")}
    assert used <= styled(), sorted(used - styled())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "templates")))
def test_no_page_has_inline_scripts_or_styles(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    for attributes in re.findall(r"<script\b([^>]*)>", text):
        assert "src=" in attributes
