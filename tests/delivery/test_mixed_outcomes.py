"""2,000 people, one campaign, a real receiver with every kind of answer: each ends in the right state and cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import authheaders
import dkim
import dns.resolver
import pytest
import spf
from django.test import Client

from contacts.models import Contact, Suppression
from delivery import dkim as our_dkim
from delivery import keyring
from delivery.knowledge import CAUSES, Category
from delivery.models import Mailing, Message, MessageState, Route
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
from tests.delivery.queue.world import World
from tests.servers.dns import Dns
from tests.servers.receiver import MIXED, Received, Receiver

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:please use dns.resolver.resolve:DeprecationWarning"),  # pyspf's
]

PEOPLE = {
    "fine": 1_300, "greylist": 150, "later": 150, "gone": 100, "full": 80, "policy": 80, "drop": 30, "vanish": 30,
}  # fmt: skip
DEAD = 80
CLOCK = 1.5e-4  # 72 h in 39 s, half an hour in 0.27 s
# state, category of the cause, attempts, suppressed, in the receiver's ledger
EXPECTED = {
    "fine": (MessageState.DELIVERED, None, 1, False, True),
    "greylist": (MessageState.DELIVERED, None, 2, False, True),
    "later": (MessageState.DELIVERED, None, 2, False, True),
    "gone": (MessageState.FAILED, Category.INVALID_RECIPIENT, 1, True, False),
    "full": (MessageState.FAILED, Category.MAILBOX_FULL, 1, False, False),
    "policy": (MessageState.FAILED, Category.UNKNOWN, 1, False, False),
    "drop": (MessageState.UNCERTAIN, Category.NETWORK, 1, False, True),
    "vanish": (MessageState.UNCERTAIN, Category.NETWORK, 1, False, False),
    "dead": (MessageState.FAILED, Category.EXPIRED, 0, False, False),
}


@pytest.fixture
def receiver(tmp_path: Any) -> Iterator[Receiver]:
    script = MIXED | {"dot": MIXED["dot"] | {"policy.*": "554 5.7.1 Refused"}}
    with Receiver.start(script, folder=tmp_path) as found:
        yield found


@pytest.fixture
def names(receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dns]:
    zone: dict[str, Any] = {
        "example.net": {"MX": ["10 mx.example.net"]},
        "mx.example.net": {"A": ["127.0.0.1"]},
        "dead.example": {"MX": ["10 mx.dead.example"]},
        "mx.dead.example": {"A": ["127.0.0.9"]},  # nobody listens there
        "bounce.news.example.com": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"], "MX": ["10 mail.example.com"]},
        "mail.example.com": {"A": ["127.0.0.1"], "TXT": ["v=spf1 a -all"]},
        "_dmarc.news.example.com": {"TXT": ["v=DMARC1; p=reject; adkim=s"]},
    }
    with Dns(zone) as found:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX = found.address, True
        settings.MX_PORT, settings.TIME_SCALE, settings.SMTP_HOSTNAME = receiver.port, CLOCK, "mail.example.com"
        theirs = dns.resolver.Resolver(configure=False)  # what the oracles ask
        theirs.nameservers, theirs.port = [found.host], found.port
        monkeypatch.setattr(dns.resolver, "default_resolver", theirs)
        yield found


@pytest.fixture
def here(names: Dns) -> World:
    found = world.make(signed=True)
    found.route.kind, found.route.host = Route.Kind.DIRECT, ""
    found.route.save()
    key = found.from_address.sending_domain.dkim_keys.get()
    names.set(key.host, {"TXT": [our_dkim.dns_record(key.public)]})
    found.people(f"{kind}{n}@example.net" for kind, number in PEOPLE.items() for n in range(number))
    found.people(f"dead{n}@dead.example" for n in range(DEAD))
    return found


def test_every_recipient_ends_in_the_right_state_with_the_right_cause(
    here: World, receiver: Receiver, send_thread: SendThread, client: Client
) -> None:
    mailing = here.mailing()
    world.run(send_thread, world.ended(mailing), seconds=180)

    assert mailing.state == Mailing.State.FINISHED
    assert ends(mailing, receiver) == {kind: {expected} for kind, expected in EXPECTED.items()}
    told = counts(mailing)
    assert (told.delivered, told.failed, told.unknown) == (1_600, 260 + DEAD, 60)
    assert told.will_receive == told.finished == sum(PEOPLE.values()) + DEAD == 2_000

    every_message_is_in_order(receiver)
    one_click_unsubscribes(receiver.messages()[0], here, client)


def ends(mailing: Mailing, receiver: Receiver) -> dict[str, set[tuple[Any, ...]]]:
    """By kind of person: all the ways in which theirs ended."""
    taken = Counter(line.rcpt for line in receiver.ledger())
    assert max(taken.values()) == 1, "somebody got it twice"
    stopped = set(Suppression.objects.active().values_list("address_key", flat=True))
    found: dict[str, set[tuple[Any, ...]]] = {}
    for message in Message.objects.filter(mailing=mailing):
        kind = re.match("[a-z]+", message.rcpt)[0]  # type: ignore[index]
        category = CAUSES[message.cause].category if message.cause else None
        end = (MessageState(message.state), category, message.attempts, message.rcpt in stopped, message.rcpt in taken)
        found.setdefault(kind, set()).add(end)
    return found


def every_message_is_in_order(receiver: Receiver) -> None:
    """dkimpy verifies each; SPF and DMARC align; nothing was written that a server may refuse."""
    assert receiver.violations() == []
    messages = receiver.messages()
    assert len(messages) == 1_600 + PEOPLE["drop"]
    for message in messages:
        assert dkim.verify(message.data, dnsfunc=txt)
        assert max(map(len, message.data.split(b"\r\n"))) <= 998
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message.data)
    for message in messages[:20]:
        assert spf.check2(i="127.0.0.1", s=message.mail_from, h="mail.example.com")[0] == "pass"
        results = authheaders.authenticate_message(
            message.data, "test", spf=True, ip="127.0.0.1", mail_from=message.mail_from, helo="mail.example.com"
        )
        assert "spf=pass" in results
        assert "dkim=pass" in results
        assert "dmarc=pass" in results


def txt(name: bytes, timeout: int = 5) -> bytes:
    """dkimpy's question, answered by the fixture."""
    answer = dns.resolver.resolve(name.decode(), "TXT", lifetime=timeout)
    return b"".join(answer[0].strings)


def one_click_unsubscribes(message: Received, here: World, client: Client) -> None:
    """RFC 8058: a POST without cookie, login or redirect; a GET changes nothing."""
    head = message_from_bytes(message.data)
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = re.sub(r"\s", "", head["List-Unsubscribe"]).strip("<>")
    path = "/" + url.split("/", 3)[3]
    contact = Contact.objects.get(address=message.rcpt)

    assert client.get(path).status_code == 200
    assert subscribed(contact)
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not subscribed(contact)
    assert keyring.keyring().parse_return_path(message.mail_from.partition("@")[0]) is not None


def subscribed(contact: Contact) -> bool:
    return contact.subscriptions.filter(state="subscribed").exists()
