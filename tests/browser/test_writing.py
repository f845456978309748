"""The Write tab: two people in two fields, the automatic text as a beginning, a preview as wide as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.product import Product
from tests.browser.setting_up import set_up


@pytest.fixture(scope="module")
def draft(browser: Browser, product: Product) -> Iterator[Page]:
    """The Write tab of a campaign made from a starter."""
    context = browser.new_context(base_url=product.url, locale="en-GB", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    set_up(page)
    page.goto("/campaigns")
    page.locator("main .page-head form button").click()
    page.wait_for_url("**/write")
    page.locator("details.menu", has=page.locator('[form="starter"]')).locator("summary").click()
    page.locator('button[name="starter"][value="en/newsletter"]').click()
    page.wait_for_url("**/write")
    page.locator("#preview iframe").wait_for()
    yield page
    context.close()


def version(page: Page) -> int:
    return int(page.locator("#id_version").input_value())


def test_two_people_write_in_two_fields_and_neither_loses(draft: Page) -> None:
    late = draft.context.new_page()
    late.goto(draft.url)
    before = version(draft)
    draft.fill("#id_subject", "Subject of the first")
    expect(draft.locator("#id_version")).to_have_value(str(before + 1))

    late.fill("#id_preheader", "Preview text of the second")
    expect(late.locator("#saved")).to_contain_text("Not saved")
    expect(late.locator("#trouble tbody th")).to_have_text(["Preview text"])
    with late.expect_navigation():
        late.locator("[data-keep-mine]").click()
    expect(late.locator("#id_subject")).to_have_value("Subject of the first")
    expect(late.locator("#id_preheader")).to_have_value("Preview text of the second")
    late.close()
    draft.reload()


def test_the_automatic_text_is_edited_not_written_anew(draft: Page) -> None:
    before = version(draft)
    draft.locator("summary", has_text="Plain-text part").click()
    draft.locator("#text-part button").click()
    text = draft.locator("#id_text")
    expect(text).to_have_value(re.compile("unsubscribe_url"))
    expect(text).to_be_focused()
    expect(draft.locator("#text-part button")).to_be_hidden()
    expect(draft.locator("#id_version")).to_have_value(str(before + 1))
    draft.reload()
    expect(text).to_have_value(re.compile("unsubscribe_url"))


@pytest.mark.parametrize(("width", "pixels"), [("360", 360), ("600", 600)])
def test_the_preview_is_as_wide_as_it_says(draft: Page, width: str, pixels: int) -> None:
    draft.locator(f'#preview label:has(input[name="width"][value="{width}"])').click()
    frame = draft.locator(f"#preview iframe.w-{width}")
    frame.wait_for()
    assert frame.evaluate("frame => frame.offsetWidth") == pixels


def test_anybody_is_previewed_by_searching_and_the_next_search_is_typed_while_one_is_under_way(draft: Page) -> None:
    held: list[Route] = []
    draft.route("**/preview?*", lambda route: held.append(route), times=1)
    draft.fill("#preview-who", "no such person at all")
    with draft.expect_request("**/preview?*"):
        draft.keyboard.press("Enter")
    draft.fill("#preview-who", "@")
    held[0].continue_()
    expect(draft.locator("#preview")).to_contain_text("Nobody matches.")
    draft.keyboard.press("Enter")
    expect(draft.locator("#preview-as option")).to_have_count(10)
    expect(draft.locator("#preview")).not_to_contain_text("Nobody matches.")
    expect(draft.locator("#preview-who")).to_be_focused()
