"""A campaign to a real Postfix, over STARTTLS with AUTH: every message lies in its mailbox, once, signed and whole."""

from __future__ import annotations

import email
import email.policy
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest

from accounts import fields
from delivery import dkim_keys, route_test
from delivery.dkim import dns_record
from delivery.models import Message, MessageState, Route
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers import postfix

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
def here(server: postfix.Postfix) -> world.World:
    made = world.make(signed=True)
    route = made.route
    route.host, route.port, route.security = "localhost", server.port, Route.Security.STARTTLS
    route.username, route.ca_file = f"{postfix.USER}@{postfix.REALM}", str(server.ca_file)
    fields.seal(route, "password_sealed", postfix.PASSWORD)
    route.save()
    return made


def arrived(server: postfix.Postfix, number: int) -> dict[str, list[bytes]]:
    deadline = time.monotonic() + 60
    while True:
        found = server.mails()
        if sum(map(len, found.values())) >= number or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_the_route_test_says_that_all_is_well(here: world.World) -> None:
    result = route_test.run(here.route)
    assert result.ok, [step.text for step in result.steps]


def test_a_wrong_password_is_told_and_nobody_is_failed_for_it(here: world.World, send_thread: SendThread) -> None:
    fields.seal(here.route, "password_sealed", "wrong")
    here.route.save()
    here.people(["p0@one.test"])
    mailing = here.mailing()

    def paused() -> bool:
        here.route.refresh_from_db()
        return here.route.paused_at is not None

    world.run(send_thread, paused)
    assert Message.objects.get(mailing=mailing).state == MessageState.QUEUED


def test_every_message_lies_in_its_mailbox(here: world.World, server: postfix.Postfix, send_thread: SendThread) -> None:
    addresses = [f"p{n}@{'one' if n % 2 else 'two'}.test" for n in range(PEOPLE)]
    here.people(addresses)
    mailing = here.mailing()
    world.run(send_thread, world.ended(mailing), seconds=120)
    assert Message.objects.filter(mailing=mailing, state=MessageState.DELIVERED).count() == PEOPLE
    boxes = arrived(server, PEOPLE)
    assert {address: len(mails) for address, mails in boxes.items()} == dict.fromkeys(addresses, 1), server.log
    key = dkim_keys.current(here.from_address.sending_domain)
    assert key is not None
    record = dns_record(key.public).encode()
    for address, (raw,) in boxes.items():
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert str(read["Delivered-To"]) == address
        assert b"ESMTPSA" in raw  # RFC 3848: TLS and AUTH
        assert dkim.verify(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), dnsfunc=lambda *_a, **_k: record)
