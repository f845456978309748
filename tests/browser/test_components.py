"""All parts of the design on one page, in both themes and languages: what no single page of the product shows."""

from __future__ import annotations

import datetime as dt
import mimetypes
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Engine
from django.template import engines as configured
from django.utils import translation
from playwright.sync_api import Browser, Page, Route

from tests.browser.looking import DESKTOP, PHONE, SHOTS, faults_of, overflow_of

HOST = "http://components.example"
TEMPLATES = Path(__file__).parent / "templates"


class EveryField(forms.Form):
    name = forms.CharField(help_text="People see this name.")
    address = forms.CharField()
    zone = forms.ChoiceField(choices=[("Asia/Tokyo", "Asia/Tokyo")])
    route = forms.CharField(required=False)
    when = forms.ChoiceField(choices=[("1", "Count again"), ("2", "Freeze now")], widget=forms.RadioSelect)
    safe = forms.BooleanField(label="Safety wave", help_text="1,000 people first, wait 10 min")

    def clean_address(self) -> str:
        raise forms.ValidationError("The part after @ is not a domain.")


def render(language: str, theme: str) -> str:
    product = configured["django"].engine
    engine = Engine(
        dirs=[TEMPLATES, *product.dirs], libraries=product.libraries, builtins=product.builtins, app_dirs=False
    )
    form = EveryField({"name": "News", "address": "news@minori", "zone": "Asia/Tokyo", "when": "1", "safe": "1"})
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    values = {"form": form, "later": later.isoformat(), "request": {"theme": theme}}
    with translation.override(language):
        return engine.get_template("components.html").render(Context(values))


def serve(page: Page, html: str) -> None:
    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(HOST)
        if not path.startswith("/static/"):
            return route.fulfill(body=html, content_type="text/html; charset=utf-8")
        kind = mimetypes.guess_type(path)[0] or "font/woff2"
        return route.fulfill(
            body=(settings.STATIC_BUILD / path.removeprefix("/static/")).read_bytes(), content_type=kind
        )

    page.route("**/*", answer)
    page.goto(HOST)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_part_has_a_fault_for_assistive_technology(browser: Browser, language: str, theme: str) -> None:
    with browser.new_page(reduced_motion="reduce") as page:
        serve(page, render(language, theme))
        faults = []
        for width in (DESKTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 860})
            faults += [*faults_of(page, f"{width}"), *overflow_of(page, f"{width}")]
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / f"components-{width}-{language}-{theme}.png", full_page=True)
        assert not faults, "\n".join(faults)
