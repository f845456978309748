"""A whole campaign: taken by their server, reported as failed later; every page says so, in both languages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from analytics.folding import fold
from contacts.models import Suppression
from delivery.bounces import effects
from delivery.bounces.taking import take
from delivery.models import IncomingReport, Inlet, Message
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.bounces.mails import arf, dsn
from tests.delivery.queue import world
from tests.factories import make_member
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = {
    "en": {"bounced": "Bounced later", "cause": "This address does not exist", "spam": "Reported as spam"},
    "ja": {"bounced": "後からエラー", "cause": "アドレスが存在しません", "spam": "迷惑メール"},
}


def test_what_comes_back_to_the_return_paths_shows_on_every_page(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    here = world.make(smtp_server)
    gone, angry, happy = here.people(["gone@example.net", "angry@example.net", "happy@example.net"])
    mailing = here.mailing()
    world.run(send_thread, world.ended(mailing))

    paths = {mail.rcpt: mail.mail_from for mail in smtp_server.ledger()}
    assert take(dsn(gone.address), inlet=Inlet.LISTENER, rcpt=paths[gone.address]).new
    assert take(arf("redacted@example.net"), inlet=Inlet.LISTENER, rcpt=paths[angry.address]).new
    effects.advance()  # for what overtook the end of its lease
    fold()

    told = counts(mailing)
    assert (told.delivered, told.bounced, told.failed) == (3, 1, 0)
    stopped = Suppression.objects.active().values_list("address_key", "reason")
    assert set(stopped) == {(gone.address, "no_such_user"), (angry.address, "complaint")}

    messages = {message.contact_id: message for message in Message.objects.filter(mailing=mailing)}
    report = IncomingReport.objects.get(message_id=messages[gone.pk].pk)
    person, member = make_member(here.workspace), Client()
    member.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    for language, words in WORDS.items():
        User.objects.filter(pk=person.pk).update(language=language)
        pages = {
            reverse("delivery:message", args=[messages[gone.pk].pk]): (
                words["bounced"],
                words["cause"],
                "User unknown",
            ),
            reverse("delivery:message", args=[messages[angry.pk].pk]): (words["spam"],),
            reverse("contacts:contact", args=[gone.pk]): (words["cause"],),
            reverse("delivery:people", args=[mailing.pk]) + "?outcome=bounced": (words["bounced"], gone.address),
            reverse("contacts:suppressions"): (gone.address, reverse("delivery:report", args=[report.pk])),
            reverse("delivery:reports"): (words["cause"], gone.address),
            reverse("delivery:report", args=[report.pk]): ("User unknown", "Final-Recipient: rfc822; gone@example.net"),
        }
        for path, expected in pages.items():
            shown = member.get(path).content.decode()
            assert [word for word in expected if word not in shown] == [], (language, path)
    assert happy.address not in str(list(stopped))
