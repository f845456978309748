"""A headless Chromium, and the product it looks at. Without one these tests are skipped aloud; in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import product as products

HERE = Path(__file__).parent
MISSING = "no Chromium on this machine: install Debian's chromium, or name one in CHROMIUM"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


# Of a module: Playwright's event loop stays in this thread while it is open, and other tests run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = products.chromium()
    if path is None and os.environ.get("CI"):
        pytest.fail(MISSING)
    if path is None:
        pytest.skip(MISSING)
    # Playwright waits 30 s for what it is told to do, but 5 s for what is expected: too short on a crowded machine.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def product(browser: Browser) -> Iterator[products.Product]:
    """A fresh install, started as `make up` does, gone after the tests of one module."""
    with products.running(products.ROOT / "var" / f"browser-{os.getpid()}") as fresh:
        yield fresh
