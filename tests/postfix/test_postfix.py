"""A campaign to a real Postfix, over STARTTLS with AUTH: every letter lies in its reader's mailbox, once and signed."""

from __future__ import annotations

import email
import email.policy
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest

from accounts import fields
from delivery import dkim_keys, route_test
from delivery.dkim import dns_record
from delivery.models import Message, MessageState, Route
from delivery.sender.thread import SendThread
from tests.campaigns import live
from tests.campaigns.live import Shop
from tests.delivery.queue import world
from tests.servers import postfix
from tests.servers.dns import Dns

PEOPLE = 60
pytestmark = [pytest.mark.postfix, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def server() -> Iterator[postfix.Postfix]:
    if reason := postfix.missing():
        pytest.skip(reason)
    # pytest's own folders are closed to other users, and Postfix works as several.
    folder = Path(tempfile.mkdtemp(prefix="shirase-postfix-"))
    folder.chmod(0o755)
    with postfix.running(folder) as running:
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


def arrived(server: postfix.Postfix, number: int) -> dict[str, list[bytes]]:
    deadline = time.monotonic() + 60
    while True:
        found = server.mails()
        if sum(map(len, found.values())) >= number or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_the_route_test_says_that_all_is_well(shop: Shop) -> None:
    result = route_test.run(shop.route)
    assert result.ok, [step.text for step in result.steps]


def test_a_wrong_password_is_told_and_nobody_is_failed_for_it(shop: Shop, send_thread: SendThread) -> None:
    fields.seal(shop.route, "password_sealed", "wrong")
    shop.route.save()
    shop.people(["p0@one.test"])
    mailing = shop.launch()

    def paused() -> bool:
        shop.route.refresh_from_db()
        return shop.route.paused_at is not None

    world.run(send_thread, paused)
    assert Message.objects.get(mailing=mailing).state == MessageState.QUEUED


def test_every_message_lies_in_its_mailbox(shop: Shop, server: postfix.Postfix, send_thread: SendThread) -> None:
    readers = shop.people(f"p{n}@{'one' if n % 2 else 'two'}.test" for n in range(PEOPLE))
    mailing = shop.launch()
    world.run(send_thread, world.ended(mailing), seconds=120)
    assert Message.objects.filter(mailing=mailing, state=MessageState.DELIVERED).count() == PEOPLE
    boxes = arrived(server, PEOPLE)
    found = {address: len(mails) for address, mails in boxes.items()}
    assert found == {reader.address: 1 for reader in readers}, server.log
    key = dkim_keys.current(shop.from_address.sending_domain)
    assert key is not None
    record = dns_record(key.public).encode()
    for reader in readers:
        (raw,) = boxes[reader.address]
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert str(read["Delivered-To"]) == reader.address
        assert b"ESMTPSA" in raw  # RFC 3848: TLS and AUTH
        assert dkim.verify(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), dnsfunc=lambda *_a, **_k: record)
        live.reads_as_written(raw, reader)
