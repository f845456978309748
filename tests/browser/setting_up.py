"""The first minute of a new install, through the browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

OWNER = "keiko@minori.example"
PASSWORD = "a calm autumn 24"


Look = Callable[[Page, str], None]


def set_up(page: Page, *, brand: str = "Minori Tea", look: Look = lambda page, name: None) -> None:
    """Owner and workspace with sample data. Ends signed in. `look` is called with each page before it is filled in."""
    page.goto("/setup")
    look(page, "setup owner")
    page.fill('[name="name"]', "Keiko Mori")
    page.fill('[name="email"]', OWNER)
    page.fill('[name="password"]', PASSWORD)
    page.click("main .btn-primary")
    expect(page.locator('[name="legal_name"]')).to_be_attached()
    look(page, "setup organisation")
    page.fill('[name="name"]', brand)
    page.fill('[name="legal_name"]', f"{brand} K.K.")
    page.fill('[name="postal_address"]', "1-2-3 Midori, Mihon, Japan")
    page.select_option('[name="time_zone"]', "Asia/Tokyo")
    page.click("main .btn-primary")
    page.goto("/settings")
    expect(page.locator("aside.side")).to_be_attached()


def sign_in(page: Page) -> None:
    page.goto("/login")
    page.fill('[name="login"]', OWNER)
    page.fill('[name="password"]', PASSWORD)
    page.click("main .btn-primary")
    page.goto("/settings")
    expect(page.locator("aside.side")).to_be_attached()
