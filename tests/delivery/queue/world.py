"""A small world for the queue's tests: a workspace with people, a From address, a route to a receiver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Workspace
from contacts.addresses import key_of
from contacts.models import Contact, List, Subscription
from delivery import contents, dkim_keys, mailings
from delivery.content.source import Frozen
from delivery.models import (
    Content,
    FromAddress,
    Lease,
    Mailing,
    MailingRoute,
    Message,
    MessageState,
    Route,
    Run,
    SendingDomain,
)
from delivery.queue import ticks
from delivery.queue.gate import Rules
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import record, settle
from delivery.sender.thread import SendThread
from delivery.smtp.replies import Reply
from tests.servers.receiver import Receiver

HTML = """<html><body><p>Hello {{ contact.first_name or "you" }}</p>
<p><a href="{{ _click }}0">The sale</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
FROZEN = Frozen(
    hash="0" * 64, subject="News for {{ contact.first_name }}", preheader="", html=HTML,
    text="Hello {{ contact.first_name or \"you\" }}\n{{ _click }}0\n{{ unsubscribe_url }}\n",
    links=("https://shop.example/sale",), link_texts=("The sale",), fields=("first_name",),
)  # fmt: skip


@dataclass
class World:
    """Everything a mailing needs."""

    workspace: Workspace
    list: List
    from_address: FromAddress
    route: Route
    content: Content

    def people(self, addresses: Iterable[str]) -> list[Contact]:
        """Contacts on the list."""
        return subscribe(self.list, addresses, lambda number: {"first_name": f"P{number}"})

    def mailing(self, **columns: object) -> Mailing:
        return mailings.create(
            workspace=self.workspace, kind=Mailing.Kind.CAMPAIGN, content=self.content, from_address=self.from_address,
            routes=[self.route], include_lists=[self.list.pk], name="October letter", **columns,  # type: ignore[arg-type]
        )  # fmt: skip


def make(receiver: Receiver | None = None, *, signed: bool = False) -> World:
    workspace = Workspace.objects.create(name="Sora", legal_name="Sora Inc.", postal_address="1-2-3 Tokyo")
    domain = SendingDomain.objects.create(
        workspace=workspace,
        name="news.example.com",
        return_path_host="bounce.news.example.com",
        verified_at=timezone.now(),
        live_at=timezone.now(),
    )
    if signed:
        dkim_keys.make(domain)
    sender = FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="hello", name="Sora")
    route = Route.objects.create(
        name="Receiver", kind=Route.Kind.SMARTHOST, security=Route.Security.NONE,
        host="127.0.0.1", port=receiver.port if receiver else 1,
    )  # fmt: skip
    content = contents.store(workspace, FROZEN)
    people = List.objects.create(workspace=workspace, name="News", list_id_label="news")
    return World(workspace, people, sender, route, content)


def subscribe(people: List, addresses: Iterable[str], columns: Callable[[int], dict[str, Any]]) -> list[Contact]:
    """New contacts on a list, each with the columns of its number."""
    made = Contact.objects.bulk_create(
        Contact(
            workspace=people.workspace, address=address, address_key=key_of(address) or address,
            domain=address.rpartition("@")[2], **columns(number),
        )
        for number, address in enumerate(addresses)
    )  # fmt: skip
    Subscription.objects.bulk_create(Subscription(list=people, contact=contact) for contact in made)
    return made


def add_route(mailing: Mailing, route: Route) -> None:
    MailingRoute.objects.create(mailing=mailing, route=route, order=mailing.mailing_routes.count())


def run(thread: SendThread, until: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Tick and send until something is true."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come true in time"
        ticks.advance()
        thread.work(0.3)
        time.sleep(0.02)


def run_both(first: SendThread, second: SendThread, mailings: list[Mailing], *, seconds: float = 60.0) -> None:
    """Both work at once until all mailings have ended."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            second.work(0.3)

    other = threading.Thread(target=work)
    other.start()
    try:
        run(first, lambda: all(ended(mailing)() for mailing in mailings), seconds=seconds)
    finally:
        over.set()
        other.join()
    assert Lease.objects.values("worker").distinct().count() == 2, "both had their part"
    assert set(Message.objects.values_list("state", "attempts")) == {(MessageState.DELIVERED, 1)}


def ended(mailing: Mailing) -> Callable[[], bool]:
    def check() -> bool:
        mailing.refresh_from_db()
        return mailing.finished_at is not None

    return check


def rows(sql: str, *parameters: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def states(mailing: Mailing) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Message.objects.filter(mailing=mailing).values_list("state", flat=True):
        name = MessageState(state).name.lower()
        found[name] = found.get(name, 0) + 1
    return found


def sending(people: int, receiver: Receiver | None = None, **route: Any) -> Mailing:
    """A mailing that is expanded and may be leased."""
    here = make(receiver)
    Route.objects.filter(pk=here.route.pk).update(**route)
    here.people(f"p{n}@example.net" for n in range(people))
    mailing = here.mailing()
    ticks.advance()
    mailing.refresh_from_db()
    return mailing


def expanded(here: World) -> list[Message]:
    """The messages of another mailing of that world, which may be leased."""
    mailing = here.mailing()
    ticks.advance()
    return list(Message.objects.filter(mailing=mailing).order_by("pk"))


def rules(mailing: Mailing) -> Rules:
    return Rules(consent=True, include_lists=tuple(mailing.include_lists))


def told(mailing: Mailing, *results: MessageState) -> list[Message]:
    """The messages of a mailing that is expanded, in their order, each with the outcome of a first try by now."""
    messages = list(Message.objects.filter(mailing=mailing).order_by("pk"))
    pairs = zip(messages, results or [MessageState.DELIVERED] * len(messages), strict=True)
    outcomes = [Outcome(message.pk, result, costs=1, reply=Reply(250, "ok")) for message, result in pairs]
    with transaction.atomic():
        record(outcomes, lease=1, fence=1, mailing=mailing.pk, route=mailing.routes.all()[0].pk)
        settle(outcomes, mailing=mailing.pk, lane="all", site=None)
    Run.objects.filter(mailing=mailing).update(cursor=F("last") + 1)
    for message in messages:
        message.refresh_from_db()
    return messages
