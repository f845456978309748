"""The pages of what came back: who sees what, and what a person decides about addresses that are held."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import notices
from accounts.models import Notice, User
from accounts.roles import Role
from contacts.models import Suppression
from delivery import stopping, stops
from delivery.bounces.taking import take
from delivery.models import AddressFailure, Inlet, Mailing, Message
from tests.delivery.bounces.mails import arf, dsn, return_path
from tests.delivery.queue import world
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_what_nobody_signed_is_seen_by_the_install_administrators_only() -> None:
    (message,) = world.told(world.sending(1))
    workspace = message.mailing.workspace
    ours = take(dsn(message.rcpt), inlet=Inlet.LISTENER, rcpt=return_path(message)).report
    nobodys = take(arf("victim@example.net"), inlet=Inlet.IMAP).report
    admin, owner = (client_of(make_member(workspace, is_install_admin=flag)) for flag in (False, True))
    for client, status in ((admin, 404), (owner, 200)):
        assert client.get(reverse("delivery:report", args=[ours])).status_code == 200
        assert client.get(reverse("delivery:report", args=[nobodys])).status_code == status
        shown = client.get(reverse("delivery:reports") + "?of=nobody").content.decode()
        assert (reverse("delivery:report", args=[nobodys]) in shown) is (status == 200)


@pytest.mark.parametrize("do", ["stop", "dismiss"])
def test_a_person_decides_about_addresses_that_are_held(monkeypatch: pytest.MonkeyPatch, do: str) -> None:
    monkeypatch.setattr(stops, "LEAST_STOPPED", 1)
    messages = world.told(world.sending(4))
    workspace = messages[0].mailing.workspace
    admin, viewer = make_member(workspace), make_member(workspace, Role.VIEWER)
    for message in messages:
        take(dsn(message.rcpt), inlet=Inlet.LISTENER, rcpt=return_path(message))
    (notice,) = Notice.objects.all()
    assert (notice.user, notice.url) == (admin, reverse("delivery:held_stops")), "one, to the admins"
    assert "wait until you have looked" in notices.text(notice)

    url = reverse("delivery:held_stops")
    assert client_of(viewer).post(url, {"do": do}).status_code == 403
    page = client_of(admin).get(url).content.decode()
    assert page.count("User unknown") == 3 and messages[-1].rcpt in page
    assert "3 addresses wait" in page and f"<b>{messages[-1].rcpt.partition('@')[2]}</b> The address does not" in page
    assert client_of(admin).post(url, {"do": "?"}).status_code == 400
    client_of(admin).post(url, {"do": do})
    stopping.advance()
    assert Suppression.objects.active().count() == (4 if do == "stop" else 1)
    assert not AddressFailure.objects.filter(state=AddressFailure.State.HELD).exists()


def test_nothing_that_comes_back_is_ever_answered() -> None:
    messages = world.told(world.sending(3))
    vacation = b"From: p@example.net\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nAway.\r\n"
    for message, raw in zip(messages, (dsn("a@example.net"), arf("a@example.net"), vacation), strict=True):
        take(raw, inlet=Inlet.LISTENER, rcpt=return_path(message))
        take(raw, inlet=Inlet.LISTENER, rcpt="postmaster@bounce.news.example.com")
    assert (Mailing.objects.count(), Message.objects.count(), mail.outbox) == (1, 3, [])
