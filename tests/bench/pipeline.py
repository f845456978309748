"""The product's whole pipeline, from lease to durable outcome: one or two send processes, unsigned or signed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from contacts.models import Contact, List
from delivery import contents, dkim_keys, mailings
from delivery.content.freeze import freeze
from delivery.models import Domain, FromAddress, Mailing, Route, SendingDomain
from delivery.queue import expand
from delivery.queue.counts import counts
from tests.bench import place, references
from tests.delivery.content.samples import fifteen_kilobytes, reader

DOMAINS = 200
LONGEST = 600.0


@dataclass(frozen=True)
class Bench:
    """What all runs share: the people, and a sender with and one without a key."""

    workspace: Workspace
    list: List
    unsigned: FromAddress
    signed: FromAddress


def make(people: int) -> Bench:
    """A workspace of its own for this run, with so many people of 200 domains on one list."""
    workspace = Workspace.objects.create(name="Bench", legal_name="Bench Ltd.", postal_address="1 Mill Lane")
    senders = []
    for name in ("plain.example.com", "signed.example.com"):
        now = timezone.now()
        domain = SendingDomain.objects.create(
            workspace=workspace, name=name, return_path_host=f"bounce.{name}", verified_at=now, live_at=now
        )
        senders.append(
            FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="news", name="Shop")
        )
    dkim_keys.make(senders[1].sending_domain)
    people_list = List.objects.create(workspace=workspace, name="Everyone", list_id_label="everyone")
    _fill(workspace, people_list, people)
    return Bench(workspace, people_list, *senders)


def _fill(workspace: Workspace, people_list: List, people: int) -> None:
    values = reader()
    fields = {name: value for name, value in values.items() if name != "tags"}
    batch = 5_000
    for start in range(0, people, batch):
        made = Contact.objects.bulk_create(
            Contact(
                workspace=workspace, domain=f"d{n % DOMAINS}.example.net",
                address=f"reader{n}@d{n % DOMAINS}.example.net",
                address_key=f"reader{n}@d{n % DOMAINS}.example.net", fields=fields, tags=values["tags"],
            )
            for n in range(start, min(start + batch, people))
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO contacts_subscription (list_id, contact_id) SELECT %s, unnest(%s::bigint[])",
                [people_list.pk, [contact.pk for contact in made]],
            )
    Domain.objects.bulk_create([Domain(name=f"d{n}.example.net") for n in range(DOMAINS)], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE contacts_contact, contacts_subscription, delivery_domain")


def rate(bench: Bench, *, workers: int, signed: bool) -> float:
    """Messages a second of one campaign to everyone, from its first lease until the last outcome is committed."""
    with references.sink() as port:
        mailing = _expanded(bench, port, signed=signed)
        people = mailing.expanded
        with _workers(workers):
            began = time.monotonic()
            mailings.resume(mailing)
            while (told := counts(mailing)).delivered < people:
                if time.monotonic() - began > LONGEST:
                    sys.exit(f"not sent in {LONGEST:.0f} s: {told}")
                time.sleep(0.05)
            took = time.monotonic() - began
    _forget(mailing)
    return people / took


def _expanded(bench: Bench, port: int, *, signed: bool) -> Mailing:
    """Ready to send, and paused."""
    route = Route.objects.create(
        name=f"sink {port} {time.time()}", kind=Route.Kind.SMARTHOST, host="127.0.0.1", port=port, security="none"
    )
    mailing = mailings.create(
        workspace=bench.workspace,
        kind=Mailing.Kind.CAMPAIGN,
        content=contents.store(bench.workspace, freeze(fifteen_kilobytes())),
        from_address=bench.signed if signed else bench.unsigned,
        routes=[route],
        include_lists=[bench.list.pk],
    )
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.EXPANDING)
    while expand.expand(mailing.pk):
        pass
    mailings.pause(mailing)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE delivery_message, delivery_run, delivery_lease, delivery_deferral")
        cursor.execute("CHECKPOINT")
    mailing.refresh_from_db()
    return mailing


@contextmanager
def _workers(number: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.worker"]
    started = [
        subprocess.Popen(command, cwd=place.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        for process in started:
            assert process.stdout
            assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        for process in started:
            process.communicate()


def _forget(mailing: Mailing) -> None:
    """So that every run finds tables of the same size."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_attempt")
        cursor.execute("TRUNCATE delivery_message, delivery_deferral, delivery_messageexception CASCADE")
    mailing.delete()
