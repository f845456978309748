"""Double opt-in: who had reported us comes back by the link that is mailed to their address, and by nothing else."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from contacts import subscriptions, timeline
from contacts.models import ConsentRecord, Contact, Subscription, Suppression
from delivery import confirming, tracking
from delivery.bounces import complaints
from delivery.keyring import keyring
from delivery.models import Mailing, Message
from delivery.sender.thread import SendThread
from delivery.tokens import ConfirmToken
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

Reason = Suppression.Reason


class Complained:
    """A person whose mail was stopped, and who has a letter of ours."""

    def __init__(self, receiver: Receiver | None = None, reason: str = Reason.COMPLAINT) -> None:
        self.world = world.make(receiver)
        (self.contact,) = self.world.people(["hanako@example.net"])
        self.mailing = self.world.mailing()
        subscriptions.suppress(self.world.workspace, self.contact.address_key, reason, source="report")
        self.page = f"/p/{keyring().unsubscribe_token(self.contact.pk, self.mailing.pk)}"
        self.lists = {"lists": [self.world.list.pk]}

    @property
    def stopped(self) -> bool:
        return Suppression.objects.covers(self.world.workspace, self.contact.address)

    def link(self) -> str:
        """As it is mailed now."""
        stop, until = subscriptions.stop_of(self.contact), timezone.now() + confirming.VALID
        assert stop
        token = ConfirmToken(self.contact.pk, self.mailing.pk, stop.pk, int(until.timestamp()) + 1)
        return f"/p/{keyring().confirm_token(token)}/confirm"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("language", "subject", "button"),
    [
        ("en", "Do you want mail from Sora again?", "Yes, write to me again"),
        ("ja", "Sora からのメールを再開しますか？", "メールを再開する"),
    ],
)
def test_who_complained_comes_back_by_the_link_mailed_to_them(
    client: Client, smtp_server: Receiver, send_thread: SendThread, language: str, subject: str, button: str
) -> None:
    here = Complained(smtp_server)
    Contact.objects.filter(pk=here.contact.pk).update(language=language)
    answer = client.post(here.page, here.lists)
    assert answer.headers["Location"].endswith("?asked=1")
    assert here.contact.address in client.get(answer.headers["Location"]).content.decode()
    assert here.stopped, "whoever has the letter may be somebody else"

    world.run(send_thread, world.ended(Mailing.objects.get(kind=Mailing.Kind.OPT_IN)))
    (sent,) = [mail for mail in smtp_server.messages() if mail.rcpt == here.contact.address]
    letter = email.message_from_bytes(sent.data, policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    text = letter.get_body(("plain",))
    assert (letter["Subject"], letter["Auto-Submitted"]) == (subject, "auto-generated")
    found = text and re.search(r"https?://\S+", text.get_content())
    assert found
    parts = urlsplit(found[0])
    link = f"{parts.path}?{parts.query}"

    page = client.get(link).content.decode()
    assert button in page and "checked" in page
    assert here.stopped, "a scanner that follows the link does nothing"
    assert client.post(link.partition("?")[0], here.lists).headers["Location"] == f"{here.page}?saved=1"
    assert not here.stopped
    records = ConsentRecord.objects.filter(contact=here.contact).order_by("pk").values_list("action", "source")
    assert [*records][1:] == [("asked", "preferences"), ("released", "confirmation")]
    with override(language):
        titles = [event.title for event in timeline.events(here.contact, kind="consent")]
    assert titles[1].startswith("Asked" if language == "en" else "配信の再開")

    assert client.post(link.partition("?")[0], here.lists).headers["Location"] == f"{here.page}?late=1", "works once"


@pytest.mark.django_db
def test_nobody_is_mailed_the_link_twice_a_day_nor_for_another_reason(client: Client) -> None:
    here = Complained()
    asks = Message.objects.filter(mailing__kind=Mailing.Kind.OPT_IN)
    for _ in range(3):
        assert client.post(here.page, here.lists).headers["Location"].endswith("?asked=1")
    assert asks.count() == 1
    ConsentRecord.objects.filter(action="asked").update(at=timezone.now() - timedelta(days=1, minutes=1))
    client.post(here.page, here.lists)
    assert asks.count() == 2

    client.post(here.page)  # off everything: that needs no proof
    assert not Subscription.objects.filter(contact=here.contact, state="subscribed").exists()
    for reason in (Reason.MANUAL, Reason.UNSUBSCRIBED):
        Suppression.objects.update(reason=reason)
        assert client.post(here.page, here.lists).headers["Location"].endswith("?saved=1")
        assert here.stopped == (reason == Reason.MANUAL)
    assert asks.count() == 2


@pytest.mark.django_db
def test_who_holds_the_letter_cannot_have_its_person_asked_for_ever(client: Client) -> None:
    here = Complained()
    asks = Message.objects.filter(mailing__kind=Mailing.Kind.OPT_IN)
    for _day in range(6):
        assert client.post(here.page, here.lists).headers["Location"].endswith("?asked=1")
        ConsentRecord.objects.filter(action="asked").update(at=timezone.now() - timedelta(days=2))
    assert asks.count() == confirming.MOST
    ConsentRecord.objects.filter(action="asked").update(at=timezone.now() - timedelta(days=31))
    client.post(here.page, here.lists)
    assert asks.count() == confirming.MOST + 1


@pytest.mark.django_db
def test_who_calls_the_confirmation_spam_has_said_no(client: Client) -> None:
    here = Complained()
    Suppression.objects.update(created_at=timezone.now() - timedelta(days=9))
    client.post(here.page, here.lists)
    link, asked = here.link(), Message.objects.get(mailing__kind=Mailing.Kind.OPT_IN)
    Suppression.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert complaints.complained(asked, source="report")
    Suppression.objects.update(created_at=F("created_at") + timedelta(seconds=2))  # the link is good to a second
    client.post(link, here.lists)
    assert here.stopped


@pytest.mark.django_db
@pytest.mark.parametrize("reason", subscriptions.TO_CONFIRM)
def test_what_bounces_stopped_ends_by_the_same_proof(client: Client, reason: str) -> None:
    here = Complained(reason=reason)
    client.post(here.page, here.lists)
    assert here.stopped
    link = here.link()
    assert client.post(link).status_code == 200 and here.stopped, "nothing was chosen"
    client.post(link, here.lists)
    assert not here.stopped


@pytest.mark.django_db
def test_a_link_that_is_old_forged_for_something_else_or_outdated_lifts_nothing(client: Client) -> None:
    here = Complained()
    good, (old, moved) = here.link(), (here.link(), here.link())
    leave = here.page.removeprefix("/p/")
    for token in (leave, good.split("/")[2][:-1] + "a", "x"):
        assert client.post(f"/p/{token}/confirm", here.lists).status_code == 404
    assert client.post(good.removesuffix("/confirm"), here.lists).status_code == 404, "it opens no other page"

    Suppression.objects.update(created_at=timezone.now() + timedelta(minutes=1))  # complained once more
    client.post(old, here.lists)
    assert here.stopped
    Suppression.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    who = tracking.reader(keyring().parse_unsubscribe(leave) or pytest.fail())
    found = keyring().parse_confirm(good.split("/")[2])
    assert who and found and confirming.what(who, found)
    late = ConfirmToken(found.contact_id, found.mailing_id, found.stop_id, int(timezone.now().timestamp()) - 1)
    assert confirming.what(who, late) is None
    Contact.objects.filter(pk=here.contact.pk).update(address="b@example.net", address_key="b@example.net")
    client.post(moved, here.lists)
    assert Suppression.objects.active().count() == 1
