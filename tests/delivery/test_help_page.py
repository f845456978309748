"""The help on delivery: every cause has its place, in words, and a pasted reply finds it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from delivery import help_page
from delivery.knowledge import CAUSES
from delivery.own_causes import OWN_CAUSES
from tests.factories import make_member, make_workspace


@pytest.fixture
def reader(client: Client) -> Client:
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    client.force_login(make_member(make_workspace(), role="viewer"), backend=backend)
    return client


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_cause_is_listed_once_with_what_shirase_does(language: str) -> None:
    with translation.override(language):
        answers = [answer for group in help_page.groups() for answer in group.answers]
        assert sorted(answer.id for answer in answers) == sorted([*CAUSES, *OWN_CAUSES])
        assert all(str(answer.deed) for answer in answers if answer.cause)


def test_only_the_group_of_addresses_tells_of_stopping() -> None:
    telling = {group.key for group in help_page.groups() for one in group.answers if "stops" in str(one.deed)}
    assert telling == {"recipient"}


def test_words_find_causes_in_the_readers_language() -> None:
    with translation.override("ja"):
        found = [answer.id for group in help_page.groups("逆引き") for answer in group.answers]
    assert found == ["ptr_missing"]
    assert help_page.groups("no such word as this") == []


@pytest.mark.parametrize(
    ("pasted", "cause"),
    [
        ("550 5.1.1 <a@b.example>: user unknown", "no_such_user"),
        ("host mx.example said: 452 4.2.2 mailbox full", "mailbox_full"),
        ("550", "unexplained_refusal"),
        ("250 2.0.0 OK", "accepted"),
    ],
)
def test_a_pasted_reply_is_read(pasted: str, cause: str) -> None:
    answer = help_page.read(pasted)
    assert answer and answer.id == cause


@pytest.mark.parametrize("words", ["DKIM", "", "mailbox full", "2,000 people"])
def test_words_are_no_reply(words: str) -> None:
    assert help_page.read(words) is None


@pytest.mark.django_db
def test_the_page_answers_and_escapes_what_was_pasted(reader: Client) -> None:
    url = reverse("delivery:help")
    page = reader.get(url, {"q": "550 5.1.1 <script>alert(1)</script> user unknown"}).content.decode()
    assert "This reply means" in page and "<script>alert" not in page
    assert all(page.count(f' id="{cause}"') == 1 for cause in [*CAUSES, *OWN_CAUSES])
    part = reader.get(url, {"q": "PTR"}, headers={"HX-Request": "true"}).content.decode()
    assert "Server name and IP address do not match" in part and "<html" not in part


@pytest.mark.django_db
def test_each_cause_has_a_page_with_how_servers_say_it(reader: Client) -> None:
    page = reader.get(reverse("delivery:help_cause", args=["no_such_user"])).content.decode()
    assert "This address does not exist" in page and "550 5.1.1" in page
    assert reader.get(reverse("delivery:help_cause", args=["stopped"])).status_code == 200
    assert reader.get(reverse("delivery:help_cause", args=["no_such_cause"])).status_code == 404
