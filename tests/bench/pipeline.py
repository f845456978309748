"""The product's whole pipeline, from lease to durable outcome: send processes as they are, towards one receiver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from contacts.models import List
from delivery import contents, dkim_keys, mailings, newest_mark
from delivery.content.freeze import freeze
from delivery.models import FromAddress, Mailing, Route, SendingDomain
from delivery.queue import expand
from delivery.queue.counts import counts
from tests.bench import machine, people, place
from tests.bench.machine import Spent
from tests.delivery.content.samples import fifteen_kilobytes

DOMAINS = 200
LONGEST = 600.0


@dataclass(frozen=True)
class Bench:
    """What all runs share: the people, and a sender with and one without a key."""

    workspace: Workspace
    list: List
    unsigned: FromAddress
    signed: FromAddress


@dataclass(frozen=True)
class To:
    """The receiver, and how to speak to it."""

    port: int
    security: str = "none"
    ca_file: str = ""


@dataclass(frozen=True)
class How:
    """`connections` is of each process; `stages` tells them to say where their time went."""

    workers: int = 1
    signed: bool = False
    connections: int = 10
    stages: bool = False


@dataclass(frozen=True)
class Ran:
    """From the first lease until the last outcome was committed."""

    people: int
    seconds: float
    spent: Spent
    stages: dict[str, float] = field(default_factory=dict)  # CPU seconds of all workers

    @property
    def rate(self) -> float:
        return self.people / self.seconds

    @property
    def worker_us(self) -> float:
        """CPU of the workers a message, in µs."""
        return self.spent.workers / self.people * 1e6

    @property
    def postgres_us(self) -> float:
        return self.spent.postgres / self.people * 1e6

    @property
    def wal(self) -> float:
        """Octets of WAL a message."""
        return self.spent.wal / self.people


def make(number: int) -> Bench:
    """A workspace of its own for this run, with so many people of 200 domains on one list."""
    bench = nobody()
    people.fill(bench.list, number, domains=DOMAINS)
    return bench


def nobody() -> Bench:
    """The workspace, its senders and an empty list."""
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
    return Bench(workspace, people_list, *senders)


def run(bench: Bench, to: To, how: How, *, audience: List | None = None) -> Ran:
    """One campaign to everyone (or to that list), sent until everybody was tried once; nothing of it is left."""
    mailing = schedule(bench, smarthost(to), signed=how.signed, audience=audience)
    while expand.expand(mailing.pk):
        pass
    mailings.pause(mailing)
    settle_down()
    mailing.refresh_from_db()
    with workers(how) as processes:
        pids = [process.pid for process in processes]
        before, began = machine.spent(pids), time.monotonic()
        mailings.resume(mailing)
        wait_until_tried(mailing)
        seconds, spent = time.monotonic() - began, machine.spent(pids) - before
    stages = _stages(processes) if how.stages else {}
    _forget(mailing)
    return Ran(mailing.expanded, seconds, spent, stages)


def smarthost(to: To) -> Route:
    return Route.objects.create(
        name=f"receiver {to.port} {time.time()}", kind=Route.Kind.SMARTHOST, host="127.0.0.1", port=to.port,
        security=to.security, ca_file=to.ca_file,
    )  # fmt: skip


def schedule(bench: Bench, route: Route, *, signed: bool = False, audience: List | None = None) -> Mailing:
    """A campaign that is to be expanded next."""
    mailing = mailings.create(
        workspace=bench.workspace,
        kind=Mailing.Kind.CAMPAIGN,
        content=contents.store(bench.workspace, freeze(fifteen_kilobytes())),
        from_address=bench.signed if signed else bench.unsigned,
        routes=[route],
        include_lists=[(audience or bench.list).pk],
    )
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.EXPANDING)
    return mailing


def wait_until_tried(mailing: Mailing, *, longest: float = LONGEST) -> None:
    deadline = time.monotonic() + longest
    while (told := counts(mailing)).waiting or told.on_the_way:
        if time.monotonic() > deadline:
            sys.exit(f"not sent in {longest:.0f} s: {told}")
        time.sleep(0.05)


def settle_down() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE delivery_message, delivery_run, delivery_lease, delivery_deferral")
        cursor.execute("CHECKPOINT")


@contextmanager
def workers(how: How) -> Iterator[list[subprocess.Popen[str]]]:
    """Send processes, ready. They end with the block, and `_stages` then reads what they said last."""
    command = [sys.executable, "-m", "tests.bench.worker", *(["--stages"] if how.stages else [])]
    environment = os.environ | {"SEND_CONNECTIONS": str(how.connections)}
    started = [
        subprocess.Popen(
            command, cwd=place.ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(how.workers)
    ]
    try:
        for process in started:
            assert process.stdout
            assert process.stdout.readline().strip() == "ready"
        yield started
    finally:
        for process in started:
            assert process.stdin
            process.stdin.close()
        for process in started:
            process.wait()


def _stages(processes: Sequence[subprocess.Popen[str]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for process in processes:
        assert process.stdout
        for stage, seconds in json.loads(process.stdout.read()).items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def _forget(mailing: Mailing) -> None:
    """So that every run finds tables of the same size, and everybody may be mailed again."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_attempt")
        cursor.execute("TRUNCATE delivery_message, delivery_deferral, delivery_messageexception CASCADE")
        cursor.execute("DELETE FROM contacts_suppression")
    newest_mark.forget(settings.JOURNAL_DIR)  # else the next run takes its database for a backup that was put back
    mailing.delete()
