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
ALLOWED = 120  # seconds for the whole story
STARTERS = {"en": "en/newsletter", "ja": "ja/newsletter"}


@pytest.fixture(scope="module", params=["en", "ja"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, product: products.Product, language: str) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        base_url=product.url,
        locale={"en": "en-GB", "ja": "ja-JP"}[language],
        viewport={"width": 1280, "height": 900},
        user_agent="Mozilla/5.0 (X11; Linux x86_64) Story/1.0",  # a headless browser's own counts as a machine
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
    """The figures of all groups that the report shows, by the outcome that they link to; who is on the way has none."""
    rows = page.locator("#live .stats > div").evaluate_all(
        """all => all.map(one => [one.querySelector("a")?.href.split("outcome=")[1] ?? "on_the_way",
                                  one.querySelector("dd.figure").textContent])"""
    )
    return {name: int(text.strip().replace(",", "")) for name, text in rows}


def watch(page: Page, *, delivered: int) -> dict[str, int]:
    """The report as it moves by itself: nothing is reloaded here."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        found = figures(page)
        if found.get("delivered", 0) >= delivered:
            return found
        page.wait_for_timeout(200)
    raise AssertionError(f"still {figures(page)}")


READING = 1_500  # ms: a click in the second of the delivery counts as a machine's


def read_click_and_leave(page: Page) -> None:
    """As a reader, in the sandbox mailbox: open the newest mail, follow a link, unsubscribe."""
    page.goto("/sandbox")
    page.locator(".mail-list a").first.click()
    letter = page.frame_locator("iframe#letter")
    letter.locator("a").first.wait_for()
    page.wait_for_timeout(READING)
    with page.context.expect_page() as shop, page.context.expect_event("response") as answer:
        letter.locator('a[href*="/c/"]').first.click()
    assert answer.value.status == 302 and answer.value.headers["location"].startswith("https://")
    shop.value.close()
    with page.context.expect_page() as opened:
        letter.locator('a[href*="/u/"]').first.click()
    reader = opened.value
    reader.locator("form .btn-primary").click()
    reader.wait_for_url("**/done")
    reader.close()


def wait_for_deeds(page: Page) -> None:
    """The report shows the click and the unsubscribe by itself."""
    bars = page.locator("#live .people-bars .num b")
    expect(bars.nth(0)).to_have_text("1", timeout=PATIENCE)
    expect(bars.nth(3)).to_have_text("1", timeout=PATIENCE)


def test_from_an_empty_install_to_a_report_that_shows_who_left(
    page: Page, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    set_up(page)
    expect(page.locator("html")).to_have_attribute("lang", language)
    write_campaign(page, language)
    send(page)
    report = page.url
    head = page.locator("#head")
    expect(head).to_have_attribute("data-state", re.compile("sending|finished"), timeout=PATIENCE)
    # 470 take it at once, 20 after 20 seconds, 10 do not exist.
    assert sum(watch(page, delivered=1).values()) == 500
    done = watch(page, delivered=470)
    assert (sum(done.values()), done["failed"]) == (500, 10)
    read_click_and_leave(page)
    page.goto(report)
    wait_for_deeds(page)
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\nstory ({language}): {seconds:.0f} s from set-up to the changed report")
    assert seconds < ALLOWED
    assert watch(page, delivered=490) == {"delivered": 490, "failed": 10}
    expect(head).to_have_attribute("data-state", "finished", timeout=PATIENCE)
    expect(head.locator("#pause, #stop-opener")).to_have_count(0)
