"""Opens, clicks and unsubscribes that come back, from people and from machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from contacts.models import Contact, Suppression
from delivery.keyring import keyring
from delivery.models import Domain, Event, Mailing, Message
from delivery.tokens import WebPurpose
from tests.delivery.queue import world

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"
pytestmark = pytest.mark.django_db


class Sent:
    """A mailing to one person, as if it had been delivered."""

    def __init__(self) -> None:
        self.world = world.make()
        (self.contact,) = self.world.people(["hanako@example.com"])
        self.mailing = self.world.mailing()
        Mailing.objects.filter(pk=self.mailing.pk).update(started_at=timezone.now())
        domain = Domain.objects.create(name="example.com")
        self.message = Message.objects.create(
            mailing=self.mailing, contact=self.contact, rcpt=self.contact.address, domain=domain, state=2
        )

    def token(self, purpose: WebPurpose) -> str:
        return keyring().web_token(purpose, self.mailing.pk, self.message.pk)

    @property
    def leave(self) -> str:
        return f"/u/{keyring().unsubscribe_token(self.contact.pk, self.mailing.pk)}"

    @property
    def subscribed(self) -> bool:
        return self.contact.subscriptions.filter(state="subscribed").exists()


@pytest.fixture
def sent() -> Sent:
    return Sent()


def events(kind: str) -> list[Event]:
    """Of the newest mailing: the log is never emptied, whatever tests ran before."""
    return list(Event.objects.filter(kind=kind, mailing_id=Mailing.objects.latest("pk").pk).order_by("id"))


def recorded() -> bool:
    return Event.objects.filter(mailing_id=Mailing.objects.latest("pk").pk).exists()


def test_an_open_is_recorded_with_who_made_it(sent: Sent, client: Client) -> None:
    client.get(f"/o/{sent.token(WebPurpose.OPEN)}", headers={"User-Agent": BROWSER})
    client.get(f"/o/{sent.token(WebPurpose.OPEN)}", headers={"User-Agent": "Mozilla/5.0"})
    assert [event.machine for event in events("open")] == [None, "apple_proxy"]
    sent.contact.refresh_from_db()
    assert sent.contact.last_opened_at is not None


def test_a_click_leads_to_the_frozen_link_and_counts(sent: Sent, client: Client) -> None:
    answer = client.get(f"/c/{sent.token(WebPurpose.CLICK)}/0", headers={"User-Agent": BROWSER})
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/sale")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert [(event.link, event.machine) for event in events("click")] == [(0, None)]


def test_head_never_counts(sent: Sent, client: Client) -> None:
    client.head(f"/o/{sent.token(WebPurpose.OPEN)}", headers={"User-Agent": BROWSER})
    assert client.head(f"/c/{sent.token(WebPurpose.CLICK)}/0", headers={"User-Agent": BROWSER}).status_code == 302
    assert not recorded()


def test_a_link_works_when_its_message_is_gone_and_nothing_is_recorded(sent: Sent, client: Client) -> None:
    token = sent.token(WebPurpose.CLICK)
    sent.message.delete()
    assert client.get(f"/c/{token}/0", headers={"User-Agent": BROWSER}).status_code == 302
    assert not recorded()


FORGED: dict[str, Callable[[str], str]] = {
    "one letter changed": lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
    "nothing": lambda token: "x",
    "unicode": lambda token: "é" * len(token),
    "long": lambda token: token * 100,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_changes_nothing(sent: Sent, client: Client, forge: Callable[[str], str]) -> None:
    assert client.get(f"/c/{forge(sent.token(WebPurpose.CLICK))}/0").status_code == 404
    assert client.get(f"/o/{forge(sent.token(WebPurpose.OPEN))}").status_code == 200
    assert client.post(f"/u/{forge(sent.leave.removeprefix('/u/'))}").status_code == 404
    assert sent.subscribed and not recorded()


def test_a_token_for_one_thing_does_another_nothing(sent: Sent, client: Client) -> None:
    assert client.get(f"/c/{sent.token(WebPurpose.OPEN)}/0").status_code == 404
    assert client.post(f"/u/{sent.token(WebPurpose.CLICK)}").status_code == 404
    assert sent.subscribed


def test_looking_at_the_page_a_hundred_times_unsubscribes_nobody(sent: Sent, client: Client) -> None:
    for _ in range(100):
        assert client.get(sent.leave).status_code == 200
    assert sent.subscribed


def test_one_click_unsubscribes_without_cookie_or_csrf_and_again_changes_nothing(sent: Sent) -> None:
    strict = Client(enforce_csrf_checks=True)
    for _ in range(2):
        answer = strict.post(sent.leave, {"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.content) == (200, b"")
    assert not sent.subscribed
    assert len(events("unsubscribe")) == 1


def test_one_click_as_a_urlencoded_body_works_too(sent: Sent, client: Client) -> None:
    kind = "application/x-www-form-urlencoded"
    assert client.post(sent.leave, "List-Unsubscribe=One-Click", content_type=kind).status_code == 200
    assert not sent.subscribed


def test_stop_everything_suppresses_the_person(sent: Sent, client: Client) -> None:
    answer = client.post(sent.leave, {"everything": "1"})
    assert answer.headers["Location"].endswith("/done")
    assert Suppression.objects.covers(sent.world.workspace, sent.contact.address)


def test_a_person_may_come_back_by_the_preferences_page(sent: Sent, client: Client) -> None:
    client.post(sent.leave, {"everything": "1"})
    client.post(sent.leave.replace("/u/", "/p/"), {"lists": [sent.world.list.pk]})
    assert sent.subscribed
    assert not Suppression.objects.covers(sent.world.workspace, sent.contact.address)


def test_the_pages_speak_the_readers_language(sent: Sent, client: Client) -> None:
    Contact.objects.filter(pk=sent.contact.pk).update(language="ja")
    assert 'lang="ja"' in client.get(sent.leave).content.decode()


def test_a_script_in_a_workspace_name_is_shown_as_text(sent: Sent, client: Client) -> None:
    sent.world.workspace.name = "<script>alert(1)</script>"
    sent.world.workspace.save()
    assert b"<script>alert" not in client.get(sent.leave).content
