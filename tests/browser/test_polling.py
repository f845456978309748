"""A part of a page that asks again by itself: what it swaps, what it leaves alone, and how it is held."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, Route, expect

from config.templatetags.ui import asset

HOST = "http://polling.example"
PATIENCE = 15_000  # ms: the part asks every 3 s
PAGE = """<!doctype html><html lang="en"><head><title>t</title></head><body>
<div id="head" data-state="sending"><button id="pause">Pause</button>
<button data-dialog="#stop">Stop</button><dialog id="stop"><button data-close>Keep</button></dialog></div>
<main id="content" tabindex="-1">{live}</main><p role="status" id="status"></p><div id="toasts"></div>
<script src="{script}" type="module"></script></body></html>"""
LIVE = """<section id="live" data-poll="/live"><b class="n">{n}</b><a href="/people">People</a>
<button type="button" id="updates" data-poll-pause="#live" aria-pressed="false">Pause updates</button></section>"""
HEAD = '<div id="head" data-state="{state}" hx-swap-oob="true"><button id="resume">Resume</button></div>'


class Server:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.state = "sending"

    def answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(HOST)
        if path.startswith("/static/"):
            file = settings.STATIC_BUILD / path.removeprefix("/static/")
            route.fulfill(body=file.read_bytes(), content_type="text/javascript")
        elif path == "/live":
            body = LIVE.format(n=next(self.numbers)) + HEAD.format(state=self.state)
            route.fulfill(body=body, content_type="text/html; charset=utf-8")
        else:
            route.fulfill(
                body=PAGE.format(live=LIVE.format(n=0), script=asset("app.js")), content_type="text/html; charset=utf-8"
            )


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page()
    page.route("**/*", server.answer)
    page.goto(HOST)
    yield page
    page.close()


def figure(page: Page) -> int:
    return int(page.locator(".n").inner_text())


def test_the_header_is_swapped_when_its_state_changed_and_not_before(page: Page, server: Server) -> None:
    expect(page.locator(".n")).to_have_text("1", timeout=PATIENCE)
    expect(page.locator("#pause")).to_be_visible()
    server.state = "paused"
    expect(page.locator("#resume")).to_be_visible(timeout=PATIENCE)


def test_the_focus_stays_where_it_was(page: Page) -> None:
    page.locator("#live a").focus()
    expect(page.locator(".n")).to_have_text("1", timeout=PATIENCE)
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/people"


def test_nothing_is_swapped_while_a_dialog_is_open(page: Page, server: Server) -> None:
    server.state = "paused"
    page.locator("[data-dialog]").click()
    page.wait_for_timeout(4_000)
    assert figure(page) == 0 and page.locator("dialog[open]").count()
    page.locator("[data-close]").click()
    expect(page.locator("#resume")).to_be_visible(timeout=PATIENCE)


def test_updates_are_paused_by_keyboard_and_go_on_at_once(page: Page) -> None:
    page.locator("#updates").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#updates")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(4_000)
    assert figure(page) == 0
    page.keyboard.press("Enter")
    expect(page.locator(".n")).to_have_text("1", timeout=2_000)
    expect(page.locator("#updates")).to_be_focused()
