"""The page of the API in both languages, over every text of the document, so that no new one can stay English."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.utils.html import escape
from django.utils.translation import override, pgettext

from config.api import api
from config.reference import groups, texts

SCHEMA = api.get_openapi_schema()
TEXTS = set(texts(SCHEMA))
OPERATIONS = [one for operations in groups(SCHEMA).values() for one in operations]
KINDS = {field.kind for one in OPERATIONS for field in (*one.takes, *one.answers)}
CODE = {kind.strip() for kind in KINDS if "list of" not in kind and " or " not in kind} | {
    one.method for one in OPERATIONS
}
NAMES = {"Shirase API", "OpenAPI"}
LATIN, JAPANESE = re.compile("[A-Za-z]{2}"), re.compile("[ぁ-ヿ一-鿿]")


def page(client: Client, language: str) -> str:
    """What stands in <main>, with its tag."""
    whole = client.get("/api/v1/docs", headers={"Accept-Language": language}).content.decode()
    return whole[whole.index("<main") : whole.index("</main>")]


@pytest.mark.django_db
def test_every_text_of_the_document_is_on_the_page_in_both_languages(client: Client) -> None:
    english, japanese = page(client, "en"), page(client, "ja")
    for text in TEXTS:
        with override("ja"):
            said = pgettext("API", text.replace("%", "%%")).replace("%%", "%")
        assert JAPANESE.search(said), text
        assert escape(text) in english and escape(said) in japanese


@pytest.mark.django_db
def test_in_japanese_only_names_of_code_are_not_japanese(client: Client) -> None:
    shown = page(client, "ja")
    labels = re.findall(r'aria-label="([^"]+)"', shown)
    pieces = re.split(r"<[^>]*>", re.sub(r"<(code|pre)\b.*?</\1>", "", shown, flags=re.DOTALL))
    words = {unescape(piece).strip() for piece in (*pieces, *labels)}
    foreign = {word for word in words if LATIN.search(word) and not JAPANESE.search(word)}
    assert foreign - CODE == NAMES
    assert len(labels) == len(set(labels))
    assert 'lang="en"' not in shown


def test_the_document_stays_english_whoever_reads_it() -> None:
    with override("ja"):
        assert api.get_openapi_schema() == SCHEMA
        assert set(texts(SCHEMA)) == TEXTS
