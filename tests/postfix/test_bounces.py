"""A campaign through a real Postfix that bounces and delays: its reports come back to the listener by SMTP, and every
page says what became of whom."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import fields
from accounts.models import User
from analytics import tasks
from contacts.models import Suppression
from delivery.bounces.listener import serving
from delivery.models import IncomingReport, Inlet, Message, MessageState, Route
from delivery.sender.thread import SendThread
from tests.campaigns import live
from tests.campaigns.live import Shop
from tests.delivery.queue import world
from tests.servers import postfix
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver

FAR = "far.test"
RETURN_PATH_HOST = "bounce.news.example.com"
SCRIPT = {"rcpt": {"full": "552 5.2.2 Mailbox full", "later": "451 4.3.0 Try again later"}}
pytestmark = [pytest.mark.postfix, pytest.mark.django_db(transaction=True)]


@contextmanager
def listening(port: int) -> Iterator[None]:
    """The listener in a thread, as its process runs it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(serving.start("127.0.0.1", port), loop).result(20)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(listener.end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def server(smtp_server: Receiver) -> Iterator[postfix.Postfix]:
    """Postfix hands mail for FAR on to a receiver that refuses, and what bounces to our listener."""
    if reason := postfix.missing():
        pytest.skip(reason)
    smtp_server.answer(**SCRIPT)
    port = postfix.free_port()
    folder = Path(tempfile.mkdtemp(prefix="shirase-postfix-"))
    folder.chmod(0o755)
    with listening(port), postfix.running(folder, {FAR: smtp_server.port, RETURN_PATH_HOST: port}) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shop(server: postfix.Postfix, dns_server: Dns, settings: Any) -> Shop:
    route = Route(
        name="Postfix", kind=Route.Kind.SMARTHOST, host="localhost", port=server.port, security=Route.Security.STARTTLS,
        username=f"{postfix.USER}@{postfix.REALM}", ca_file=str(server.ca_file),
    )  # fmt: skip
    fields.seal(route, "password_sealed", postfix.PASSWORD)
    return live.open_shop(dns_server, route, settings)


def come_back(number: int, server: postfix.Postfix) -> None:
    deadline = time.monotonic() + 60
    while IncomingReport.objects.count() < number:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.2)


def words(client: Client, page: str, *args: object) -> str:
    answer = client.get(reverse(page, args=args))
    assert answer.status_code == 200, page
    return " ".join(re.sub("<[^>]*>", " ", answer.content.decode()).split())


# What a page says of it, in each language.
SAID = {
    "en": {
        "report": "Bounced later 2 of 4 delivered",
        "gone": "This address does not exist",
        "full": "Mailbox full",
        "bounced": "Bounced later",
        "stopped": "The address does not exist",
    },
    "ja": {
        "report": "後からエラー 2",
        "gone": "アドレスが存在しません",
        "full": "メールボックスがいっぱいです",
        "bounced": "後からエラー",
        "stopped": "アドレスが存在しない",
    },
}


def test_what_bounces_later_is_seen_by_every_page(shop: Shop, server: postfix.Postfix, send_thread: SendThread) -> None:
    gone, full, later, fine = shop.people(["nobody@one.test", f"full@{FAR}", f"later@{FAR}", "p1@one.test"])
    mailing = shop.launch()
    world.run(send_thread, world.ended(mailing), seconds=60)
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.DELIVERED}, "Postfix took them all"
    come_back(3, server)

    reports = {one.contact_id: one for one in IncomingReport.objects.all()}
    assert {one.inlet for one in reports.values()} == {Inlet.LISTENER}
    assert set(reports) == {gone.pk, full.pk, later.pk}
    messages = {one.contact_id: one for one in Message.objects.filter(mailing=mailing)}
    for person, cause in ((gone, "no_such_user"), (full, "mailbox_full")):
        assert (messages[person.pk].state, messages[person.pk].cause) == (MessageState.DELIVERED, cause)
        assert messages[person.pk].bounced_at
    for person in (later, fine):
        assert (messages[person.pk].state, messages[person.pk].bounced_at) == (MessageState.DELIVERED, None)
    stopped = Suppression.objects.of(shop.workspace).active()
    assert list(stopped.values_list("address_key", "reason")) == [(gone.address_key, Suppression.Reason.NO_SUCH_USER)]

    tasks.fold()
    client = Client()
    client.force_login(shop.person)
    for language, said in SAID.items():
        User.objects.filter(pk=shop.person.pk).update(language=language)
        assert said["report"] in words(client, "analytics:report", mailing.campaign.pk)
        health = words(client, "analytics:health")
        assert said["gone"] in health
        assert said["full"] in health
        for person, cause in ((gone, said["gone"]), (full, said["full"])):
            message = words(client, "delivery:message", messages[person.pk].pk)
            assert said["bounced"] in message
            assert cause in message
            assert cause in words(client, "contacts:contact", person.pk)
        assert said["bounced"] not in words(client, "delivery:message", messages[later.pk].pk)
        suppressions = words(client, "contacts:suppressions")
        assert f"{gone.address}" in suppressions
        assert said["stopped"] in suppressions
        assert full.address not in suppressions
