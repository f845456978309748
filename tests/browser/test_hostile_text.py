"""Text of other people is only ever text: a script in every field that anybody can fill runs on no page (security: T9)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser.product import ROOT, Product, running
from tests.browser.setting_up import OWNER, PASSWORD


@pytest.fixture(scope="module")
def product(browser: Browser) -> Iterator[Product]:
    """Without a look at DNS, and with the sandbox's mail as the enemy wrote it."""
    with running(ROOT / "var" / f"hostile-{os.getpid()}") as fresh:
        yield fresh


def test_a_script_in_any_field_runs_nowhere(browser: Browser, product: Product) -> None:
    made = json.loads(product.python("-m", "tests.browser.hostile", OWNER, PASSWORD))
    with browser.new_context(base_url=product.url) as context:
        sign_in(context)
        page, seen = watched(context)
        shown = 0
        for path in made["pages"]:
            answer = page.goto(path, wait_until="load")
            assert answer and answer.status < 400, (path, answer and answer.status)
            page.wait_for_timeout(40)
            if no_script_may_run(answer):
                shown += made["mark"] in answer.text()
            else:
                poke(page)
                assert not ran(page), path
                shown += made["mark"] in page.content()
            assert not seen, (path, seen)
        assert shown >= len(made["pages"]) // 2, "the enemy's text is on too few pages for this to prove anything"


def sign_in(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/login")
    page.fill('[name="login"]', OWNER)
    page.fill('[name="password"]', PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    page.close()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page that reports every dialog, window, error, and whatever the content policy had to stop in our own origin."""
    page, seen = context.new_page(), list[str]()
    page.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda opened: seen.append(f"window {opened.url}"))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.on(
        "request",
        lambda asked: seen.append(f"asked {asked.url}") if "//xss.invalid" in asked.url.partition("?")[0] else None,
    )
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) => {"
        " if (location.origin !== 'null') (window.__stopped ??= []).push(`${event.violatedDirective} ${event.sample}`) })"
    )
    return page, seen


def poke(page: Page) -> None:
    """Open what is folded, and point at what shows a tip."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    page.mouse.move(400, 400)


def no_script_may_run(answer: Response) -> bool:
    """A letter as its own page: the policy lets nothing run in it, so that it would not answer us either."""
    rules = [rule.split() for rule in answer.headers.get("content-security-policy", "").split(";")]
    return any(rule[:1] == ["sandbox"] and "allow-scripts" not in rule for rule in rules)


def ran(page: Page) -> bool:
    """Whether anything ran, or was only stopped by the policy. A letter's frame is one where nothing may run."""
    for frame in page.query_selector_all("iframe"):
        rules = frame.get_attribute("sandbox")
        assert rules is not None, page.url
        assert "allow-scripts" not in rules, page.url
    return bool(page.evaluate("Boolean(window.__xss || window.__stopped)"))
