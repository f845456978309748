"""The page that explains the API works under our content policy, with nothing from another host."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer


@pytest.mark.django_db(transaction=True)
def test_the_api_explains_itself(browser: Browser, live_server: LiveServer) -> None:
    page = browser.new_page()
    troubles, hosts = list[str](), set[str]()
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{live_server.url}/api/v1/docs")
    page.wait_for_selector("#launch")
    assert not troubles and hosts - {""} == {urlsplit(live_server.url).netloc}
    page.close()
