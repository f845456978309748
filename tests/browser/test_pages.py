"""Every page, found from the URL names: it opens without an error, and axe-core finds nothing wrong with it.

`make shots` runs the same walk in all languages, themes and widths, and writes the pictures to var/shots.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product as all_of

import pytest
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, expect

from tests.browser.looking import DESKTOP, PHONE, SHOTS, faults_of, overflow_of
from tests.browser.pages import Address
from tests.browser.product import Product
from tests.browser.setting_up import set_up, sign_in

REFUSALS = ("gone", "refused")  # labels of addresses that are pages although they answer with an error
WINDOW, HIGHEST = 860, 16_000
LANGUAGES, THEMES = ("en", "ja"), ("light", "dark")


@dataclass(frozen=True)
class Site:
    product: Product
    signed_in: list[Address]
    signed_out: list[Address]
    setup_faults: list[str]  # of pages that exist only before set-up


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, browser: Browser, product: Product) -> Iterator[Site]:
    """The product with sample data, and every address that is a page, for whoever may see it."""
    pictures = request.config.option.markexpr == "shots"
    if pictures:
        shutil.rmtree(SHOTS, ignore_errors=True)
        SHOTS.mkdir(parents=True)
    setup_faults: list[str] = []

    def look(page: Page, name: str) -> None:
        for language, theme in all_of(LANGUAGES, THEMES):
            prefer(page, language=language, theme=theme, where="/setup")
            setup_faults.extend(examine(page, Address(name, "", "/setup"), f"{language}-{theme}", pictures=pictures))
        prefer(page, language="en", theme="light", where="/setup")

    with browser.new_context(base_url=product.url, timezone_id="Asia/Tokyo", reduced_motion="reduce") as context:
        set_up(context.new_page(), look=look)
        values = product.python("-m", "tests.browser.sample")
        found = [Address(**each) for each in json.loads(product.python("-m", "tests.browser.pages", given=values))]
        inside = pages_for(context, product, found)
    with browser.new_context(base_url=product.url) as stranger:
        outside = pages_for(stranger, product, [address for address in found if address not in inside])
    yield Site(product, inside, outside, setup_faults)


def pages_for(context: BrowserContext, product: Product, found: list[Address]) -> list[Address]:
    """Those that are whole HTML pages; an error of the server fails here, with its log."""
    answers = {address: context.request.get(address.path, max_redirects=0) for address in found}
    failed = [
        f"{address.path} answers {answer.status}" for address, answer in answers.items() if wrong(address, answer)
    ]
    assert not failed, "\n".join([*failed, product.tail()])
    return [address for address, answer in answers.items() if is_page(answer)]


def wrong(address: Address, answer: APIResponse) -> bool:
    refused = address.label in REFUSALS and answer.status in (403, 404, 410)
    return answer.status >= 400 and answer.status != 405 and not refused


def is_page(answer: APIResponse) -> bool:
    """No redirect, download, fragment, JSON or address that only takes POST; nor a letter of a customer."""
    letter = "sandbox" in answer.headers.get("content-security-policy", "")
    return not 300 <= answer.status < 400 and answer.status != 405 and not letter and "<html" in answer.text()[:500]


@pytest.mark.parametrize(("language", "theme", "width"), [("en", "light", DESKTOP), ("ja", "dark", PHONE)])
def test_no_page_has_a_fault_for_assistive_technology(
    site: Site, browser: Browser, language: str, theme: str, width: int
) -> None:
    faults = [
        fault
        for address, page in walk(site, browser, language, theme, width)
        for fault in (*faults_of(page, address.path), *overflow_of(page, address.path))
    ]
    assert not faults, "\n".join(faults)


def test_set_up_has_no_fault_for_assistive_technology(site: Site) -> None:
    assert not site.setup_faults, "\n".join(site.setup_faults)


@pytest.mark.shots
def test_pictures_of_every_page(site: Site, browser: Browser) -> None:
    faults = list(site.setup_faults)
    for language, theme in all_of(LANGUAGES, THEMES):
        for address, page in walk(site, browser, language, theme, DESKTOP):
            faults += examine(page, address, f"{language}-{theme}", pictures=True)
    assert not faults, "\n".join(faults)


def examine(page: Page, address: Address, version: str, *, pictures: bool) -> list[str]:
    """One page at both widths; with `pictures` a file for each."""
    where, name = address.path, file_name(address)
    faults: list[str] = []
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": WINDOW})
        page.wait_for_timeout(120)  # charts draw themselves anew
        faults += [f"{version} {width}: {fault}" for fault in (*faults_of(page, where), *overflow_of(page, where))]
        if pictures:
            take_picture(page, width, f"{name}-{width}-{version}.png")
    return faults


def take_picture(page: Page, width: int, name: str) -> None:
    """In a window as high as the page: what sticks to its foot is then at the foot, and frames are painted."""
    height: int = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, WINDOW), HIGHEST)})
    page.wait_for_timeout(120)
    page.screenshot(path=SHOTS / name)


def walk(site: Site, browser: Browser, language: str, theme: str, width: int) -> Iterator[tuple[Address, Page]]:
    """Every page opened in turn, first signed in, then as a stranger; an error of a script ends it."""
    for addresses, inside in ((site.signed_in, True), (site.signed_out, False)):
        with browser.new_context(
            base_url=site.product.url,
            viewport={"width": width, "height": WINDOW},
            timezone_id="Asia/Tokyo",
            reduced_motion="reduce",
        ) as context:
            page = context.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error, seen=errors: seen.append(str(error)))
            page.on(
                "console", lambda line, seen=errors: seen.append(line.text) if "Content Security" in line.text else None
            )
            if inside:
                sign_in(page)
            prefer(page, language=language, theme=theme)
            for address in addresses:
                page.set_viewport_size({"width": width, "height": WINDOW})
                page.goto(address.path, wait_until="load")
                expect(page.locator('[hx-trigger="load"]')).to_have_count(0)  # what a page asks for at once
                page.wait_for_timeout(80)
                assert not errors, f"{address.path}: {errors}"
                yield address, page


def prefer(page: Page, *, language: str, theme: str, where: str = "/login") -> None:
    """By the product's own switches, as a person would."""
    page.goto(where)
    token = page.get_attribute('meta[name="csrf-token"]', "content")
    form = {"csrfmiddlewaretoken": token or "", "language": language, "theme": theme}
    answer = page.request.post("/preferences", form=form, headers={"Referer": page.url}, max_redirects=0)
    assert answer.status == 302, answer.status
    page.goto(where)


def file_name(address: Address) -> str:
    return re.sub(r"\W+", "-", " ".join(part for part in (address.name, address.label) if part))
