"""The whole story in a real browser: an empty install, a campaign to 500 people, a reader who leaves, the report."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import product as products
from tests.browser.setting_up import set_up

PATIENCE = 60_000  # ms: the machines that run this are slow and shared
STARTERS = {"en": "en/newsletter", "ja": "ja/newsletter"}


@pytest.fixture(scope="module", params=["en", "ja"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, product: products.Product, language: str) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        base_url=product.url, locale={"en": "en-GB", "ja": "ja-JP"}[language], viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture(scope="module")
def product(browser: Browser, language: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[products.Product]:
    folder = products.ROOT / "var" / f"story-{language}-{time.time_ns()}"
    with products.running(folder) as fresh:
        yield fresh


def write_campaign(page: Page, language: str) -> None:
    """A draft from a starter, to the sample people."""
    page.goto("/campaigns")
    page.locator("main .page-head form button").click()
    page.wait_for_url("**/write")
    page.locator("details.menu", has=page.locator('[form="starter"]')).locator("summary").click()
    page.locator(f'button[name="starter"][value="{STARTERS[language]}"]').click()
    page.wait_for_url("**/write")
    expect(page.locator("#preview iframe")).to_be_attached()
    page.fill("#id_subject", "Story 物語")
    expect(page.locator("#saved")).to_have_attribute("data-version", re.compile("^[3-9]"), timeout=PATIENCE)
    page.goto(page.url.replace("/write", "/audience"))
    page.locator('#audience input[type="checkbox"], #audience option').first.wait_for(state="attached")
    choose_first_list(page)
    expect(page.locator("#funnel .ledger .total")).to_contain_text("500", timeout=PATIENCE)


def choose_first_list(page: Page) -> None:
    box = page.locator('#audience input[name="include"]').first
    if box.count():
        box.check()
        return
    page.locator('#audience select[name="include"]').select_option(index=0)


def send(page: Page) -> None:
    page.goto(page.url.replace("/audience", "/send"))
    page.locator(".actionbar .btn-primary").click()
    expect(page.locator(".undo")).to_be_visible()
    page.wait_for_url("**/report", timeout=PATIENCE)


def figures(page: Page) -> dict[str, int]:
    """The figures of the report's groups, by the outcome that they link to."""
    rows = page.locator("#live .stats a").evaluate_all(
        "all => all.map(a => [a.href.split('outcome=')[1], a.textContent])"
    )
    return {name: int(text.strip().replace(",", "")) for name, text in rows}


def wait_for_figures(page: Page, *, delivered: int) -> dict[str, int]:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        page.reload()
        page.locator("#live .stats").wait_for()
        found = figures(page)
        if found.get("delivered", 0) >= delivered:
            return found
        time.sleep(1)
    raise AssertionError(f"still {figures(page)}")


READING = 1_500  # ms: a click in the second of the delivery counts as a machine's


def read_click_and_leave(page: Page) -> None:
    """As a reader, in the sandbox mailbox: open the newest mail, follow a link, unsubscribe."""
    page.goto("/sandbox")
    page.locator(".mail-list a").first.click()
    letter = page.frame_locator("iframe#letter")
    letter.locator("a").first.wait_for()
    hrefs = letter.locator("a").evaluate_all("all => all.map(a => a.href)")
    click = next(href for href in hrefs if "/c/" in href)
    leave = next(href for href in hrefs if "/u/" in href)
    page.wait_for_timeout(READING)
    answer = page.request.get(click, max_redirects=0, headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Story/1.0"})
    assert answer.status == 302 and answer.headers["location"].startswith("https://")
    reader = page.context.new_page()
    reader.goto(leave)
    reader.locator("form .btn-primary").click()
    reader.wait_for_url("**/done")
    reader.close()


def wait_for_deeds(page: Page, report: str) -> str:
    """The report once it shows the click and the unsubscribe."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        page.goto(report)
        page.locator("#live .people-bars").wait_for()
        numbers = page.locator("#live .people-bars .num b").all_inner_texts()
        if numbers[0] == "1" and numbers[3] == "1":
            return page.locator("#live").inner_text()
        time.sleep(1)
    raise AssertionError(f"the report shows {numbers}")


def test_from_an_empty_install_to_a_report_that_shows_who_left(
    page: Page, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    set_up(page)
    expect(page.locator("html")).to_have_attribute("lang", language)
    write_campaign(page, language)
    send(page)
    report = page.url
    # 470 take it at once, 20 after 20 seconds, 10 do not exist.
    first = wait_for_figures(page, delivered=1)
    assert sum(first.values()) <= 500
    done = wait_for_figures(page, delivered=470)
    assert done["failed"] == 10
    read_click_and_leave(page)
    wait_for_deeds(page, report)
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\nstory ({language}): {seconds:.0f} s from set-up to the changed report")
    everyone = wait_for_figures(page, delivered=490)
    assert everyone == {"delivered": 490, "failed": 10}
