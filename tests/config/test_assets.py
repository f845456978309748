"""What the browser has to load: little, nothing unused, and nothing from another host."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "var" / "static"
NAMES = json.loads((STATIC / "assets.json").read_text())
BUDGET = 130_000  # bytes of CSS and JS, compressed, of a page without editor or chart
LISTED = {line.strip() for line in (ROOT / "config/assets/icons.txt").read_text().splitlines() if line[:1] not in "# "}


def compressed(name: str) -> int:
    return len(gzip.compress((STATIC / NAMES[name]).read_bytes()))


def test_a_plain_page_loads_little() -> None:
    assert compressed("app.css") + compressed("app.js") < BUDGET


def test_style_sheets_load_nothing_from_another_host() -> None:
    for name in ("app.css", "editor.css"):
        css = (STATIC / NAMES[name]).read_text()
        assert not re.findall(r"url\(\s*(?![\"']?(?:\./|data:|#))[^)]*\)|@import[^;]*//", css)


def test_every_icon_of_the_list_is_used() -> None:
    sources = [*(ROOT / "templates").rglob("*.html")]
    for app in ("accounts", "contacts", "delivery", "campaigns", "analytics", "config"):
        sources += (ROOT / app).rglob("*.py")
    said = set(re.findall(r"[\"']([a-z0-9-]+)[\"']", " ".join(source.read_text() for source in sources)))
    assert not sorted(LISTED - said)
