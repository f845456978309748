"""What is wrong with the page that a browser shows: by axe-core, and by its width."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page

from tests.browser.product import ROOT

SHOTS = ROOT / "var" / "shots"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PHONE = 1280, 390
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults_of(page: Page, where: str) -> list[str]:
    page.evaluate("document.querySelectorAll('[data-focus]').forEach((element) => element.blur())")
    if page.evaluate("!window.axe"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations'], iframes: false})"
        ".then(result => result.violations)",
        RULES,
    )
    return [
        f"{where}: {rule['id']} at {node['target'][0]}: {one_line(node['failureSummary'])}"
        for rule in found
        for node in rule["nodes"][:3]
    ]


def overflow_of(page: Page, where: str) -> list[str]:
    """Nothing but a table may be wider than the screen (WCAG 1.4.10)."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{where}: the page is {wider} px wider than the screen"] if wider > 0 else []


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
