"""2,000 people, one campaign, a real receiver with every kind of answer: each ends in the right state and cause."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any
from urllib.parse import urlsplit

import authheaders
import dkim
import dns.resolver
import pytest
import spf
from django.test import Client

from contacts.models import Contact, Suppression
from delivery import keyring
from delivery.knowledge import CAUSES, Category
from delivery.models import Brakes, Mailing, Message, MessageState, Route
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.campaigns import live
from tests.campaigns.live import MAIL_HOST, Shop
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
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
DOMAIN = "news.example.com"
CLOCK = 1.5e-4  # 72 h in 39 s, half an hour in 0.27 s
BUSY = "421 4.3.2 Too busy, try again later"  # to the first EHLO, for whose end everybody at example.net waits
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
    }
    with Dns(zone) as found:
        settings.ALLOW_PRIVATE_MX, settings.MX_PORT, settings.TIME_SCALE = True, receiver.port, CLOCK
        theirs = dns.resolver.Resolver(configure=False)  # what the oracles ask, for each of the messages
        theirs.nameservers, theirs.port, theirs.cache = [found.host], found.port, dns.resolver.Cache()
        monkeypatch.setattr(dns.resolver, "default_resolver", theirs)
        # authheaders reads the whole Public Suffix List for every message: 0.4 s.
        monkeypatch.setattr(authheaders, "get_org_domain", functools.cache(authheaders.get_org_domain))
        yield found


@pytest.fixture
def shop(names: Dns, settings: Any) -> Shop:
    found = live.open_shop(names, Route(name="Direct", kind=Route.Kind.DIRECT), settings)
    # A tenth of these addresses does not exist: by the order of the answers that stops it, or waits for a person.
    Brakes.objects.create(workspace=found.workspace, unknown_users=None, blocks=None, stops=None)
    names.set(f"_dmarc.{DOMAIN}", {"TXT": ["v=DMARC1; p=reject; adkim=s"]})
    found.people(f"{kind}{n}@example.net" for kind, number in PEOPLE.items() for n in range(number))
    found.people(f"dead{n}@dead.example" for n in range(DEAD))
    return found


def test_every_recipient_ends_in_the_right_state_with_the_right_cause(
    shop: Shop, receiver: Receiver, send_thread: SendThread, client: Client
) -> None:
    mailing = shop.launch()
    world.run(send_thread, world.ended(mailing), seconds=180)

    assert mailing.state == Mailing.State.FINISHED
    assert receiver.stats()["played"] == [["ehlo", BUSY, 0]], "one EHLO was refused, before anybody's mail was taken"
    assert ends(mailing, receiver) == {kind: {expected} for kind, expected in EXPECTED.items()}
    told = counts(mailing)
    assert (told.delivered, told.failed, told.unknown) == (1_600, 260 + DEAD, 60)
    assert told.will_receive == told.finished == sum(PEOPLE.values()) + DEAD == 2_000

    every_message_is_in_order(receiver)
    links_lead_where_they_led(receiver.messages()[0], client)
    one_click_unsubscribes(receiver.messages()[0], client)


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
    """Each is its reader's own; dkimpy verifies it; SPF and DMARC align; no line of it could be refused."""
    assert receiver.violations() == []
    messages = receiver.messages()
    assert len(messages) == 1_600 + PEOPLE["drop"]
    readers = {contact.address: contact for contact in Contact.objects.all()}
    for message in messages:
        live.reads_as_written(message.data, readers[message.rcpt])
        assert dkim.verify(message.data, dnsfunc=txt)
        assert spf.check2(i="127.0.0.1", s=message.mail_from, h=MAIL_HOST)[0] == "pass"
        assert "dkim=pass" in (by_key := results(message, dkim=True, spf=False)) and "dmarc=pass" in by_key
        assert "spf=pass" in (by_host := results(message, dkim=False, spf=True)) and "dmarc=pass" in by_host
        assert max(map(len, message.data.split(b"\r\n"))) <= 998
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message.data)


def results(message: Received, **by: bool) -> str:
    """The Authentication-Results of authheaders, where DMARC can align by these only."""
    return str(
        authheaders.authenticate_message(
            message.data, "test", ip="127.0.0.1", mail_from=message.mail_from, helo=MAIL_HOST, **by
        )
    )


def txt(name: bytes, timeout: int = 5) -> bytes:
    """dkimpy's question, answered by the fixture."""
    answer = dns.resolver.resolve(name.decode(), "TXT", lifetime=timeout)
    return b"".join(answer[0].strings)


def links_lead_where_they_led(message: Received, client: Client) -> None:
    answers = [client.get(urlsplit(link).path) for link in live.links(message.data)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, address) for address in live.LINKS
    ]


def one_click_unsubscribes(message: Received, client: Client) -> None:
    """RFC 8058: a POST without cookie, login or redirect; a GET changes nothing."""
    head = message_from_bytes(message.data)
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = re.sub(r"\s", "", head["List-Unsubscribe"]).strip("<>")
    assert url.startswith(f"{live.TRACKING_URL}/u/")
    path = urlsplit(url).path
    contact = Contact.objects.get(address=message.rcpt)

    assert client.get(path).status_code == 200
    assert subscribed(contact)
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not subscribed(contact)
    assert keyring.keyring().parse_return_path(message.mail_from.partition("@")[0]) is not None


def subscribed(contact: Contact) -> bool:
    return contact.subscriptions.filter(state="subscribed").exists()
