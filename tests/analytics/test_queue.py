"""The live queue: what waits by provider, how fast it goes and why; whose it is; at any size at the same cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User, Workspace
from analytics import folding, queue_page
from analytics.folding import Fold
from analytics.queue_page import Queue, Row, Standstill
from delivery import buckets, routes
from delivery.hindrances import Kind
from delivery.models import Bucket, Deferral, Domain, Lease, Limit, Mailing, Message, Route, Run, Site
from delivery.queue import live
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import record
from tests.delivery.queue import world
from tests.factories import make_member

pytestmark = pytest.mark.django_db


class Sending:
    """A campaign over a direct route; rows are what the queue would have made."""

    def __init__(self) -> None:
        self.world = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT)
        self.route = Route.objects.get()
        self.mailing = self.world.mailing()
        Mailing.objects.update(state=Mailing.State.SENDING, started_at=timezone.now())
        folding.fold()

    def site(self, provider: str) -> Site:
        return Site.objects.get_or_create(key=provider or "mx.example", defaults={"provider": provider})[0]

    def waits(self, people: int, site: Site | None, **columns: Any) -> Run:
        lane = f"site:{site.pk}" if site else "mixed"
        first = (Run.objects.count() + 1) * 1_000_000
        mailing = columns.pop("mailing", self.mailing)
        return Run.objects.create(
            mailing=mailing, lane=lane, site=site, first=first, last=first + people - 1, cursor=first, **columns
        )

    def on_the_way(self, marked: int, run: Run, *, hi: int = 0) -> Lease:
        now = timezone.now()
        return Lease.objects.create(
            mailing=run.mailing, run=run, site=run.site, route=self.route, lo=run.cursor, hi=run.cursor + hi - 1,
            worker="host:1:1", host="host", marked=marked, created_at=now, lease_until=now + timedelta(minutes=1),
        )  # fmt: skip

    def deferred(self, people: int, site: Site | None, *, minutes: int = 5, attempt: int = 1) -> None:
        domain = Domain.objects.get_or_create(name="example.net")[0]
        for number in range(people):
            message = Message.objects.create(mailing=self.mailing, rcpt=f"p{number}@example.net", domain=domain)
            Deferral.objects.create(
                message=message, mailing=self.mailing, lane=f"site:{site.pk}" if site else "mixed", site=site,
                due_at=timezone.now() + timedelta(minutes=minutes + number), attempt=attempt,
            )  # fmt: skip

    def answered(self, people: int, lease: Lease) -> None:
        record(
            [Outcome(number, 2, site=lease.site_id) for number in range(people)],
            lease=lease.pk, fence=1, mailing=lease.mailing_id, route=lease.route_id,
        )  # fmt: skip

    def look(self) -> Queue:
        return queue_page.look(None, controls=True)

    def row(self, key: str) -> Row:
        return next(row for row in self.look().rows if row.key == key)


@pytest.fixture
def sending() -> Sending:
    return Sending()


def test_each_provider_has_a_line_and_small_domains_share_one(sending: Sending) -> None:
    gmail, unknown = sending.site("gmail"), sending.site("")
    run = sending.waits(300, gmail)
    sending.on_the_way(20, run, hi=100)
    sending.deferred(3, gmail)
    sending.waits(50, None)
    sending.waits(400, unknown)
    found = {row.key: (row.waiting, row.on_the_way, row.deferred) for row in sending.look().rows}
    assert found == {"gmail": (380, 20, 3), "mixed": (50, 0, 0), "other": (400, 0, 0)}


def test_the_next_retry_is_told_and_who_was_never_tried_waits(sending: Sending) -> None:
    gmail = sending.site("gmail")
    sending.deferred(2, gmail, minutes=30)
    sending.deferred(4, gmail, minutes=1, attempt=0)
    row = sending.row("gmail")
    assert (row.waiting, row.deferred, row.state) == (4, 2, "waiting")
    assert row.next_at == Deferral.objects.filter(attempt=1).earliest("due_at").due_at


def test_the_rate_is_that_of_the_last_minute(sending: Sending) -> None:
    run = sending.waits(300, sending.site("gmail"))
    sending.answered(30, sending.on_the_way(40, run, hi=100))
    row = sending.row("gmail")
    assert (round(row.per_minute), row.state, row.hindrances) == (30, "sending", [])


def test_people_over_a_smarthost_stand_in_the_line_of_the_route(sending: Sending) -> None:
    Route.objects.update(kind=Route.Kind.SMARTHOST)
    sending.waits(70, None)
    row = sending.look().rows[0]
    assert (row.key, row.route, row.waiting) == (f"route:{sending.route.pk}", sending.route, 70)


def why(row: Row) -> list[Kind]:
    return [one.kind for one in row.hindrances]


def test_why_it_is_slow_or_stands(sending: Sending) -> None:
    gmail, docomo, icloud = (sending.site(one) for one in ("gmail", "docomo", "icloud"))
    for site in (gmail, docomo, icloud):
        sending.waits(300, site)
    aiko = User.objects.create(email="aiko@example.com", name="Aiko")
    routes.pause_provider(sending.route, "gmail", actor=aiko)
    buckets.close(buckets.site_key(sending.route.pk, docomo.pk), "connect_timeout")
    Limit.objects.create(route=sending.route, site=icloud, per_minute=90)
    rows = {row.key: row for row in sending.look().rows}
    assert {key: (why(row), row.state) for key, row in rows.items()} == {
        "gmail": ([Kind.PAUSED], "stopped"), "docomo": ([Kind.CLOSED], "stopped"),
        "icloud": ([Kind.LIMITED], "waiting"),
    }  # fmt: skip
    assert rows["gmail"].hindrances[0].by == "Aiko"
    assert rows["icloud"].hindrances[0].per_minute == 90


def test_who_asked_us_to_slow_down_is_told(sending: Sending) -> None:
    gmail = sending.site("gmail")
    sending.waits(300, gmail)
    now = timezone.now()
    Bucket.objects.create(
        key=buckets.site_key(sending.route.pk, gmail.pk), slowed_at=now, slowed_since=now - timedelta(minutes=2),
        slowed_until=now + timedelta(minutes=10), refused_rate=10, slowed_cause="gmail_rate",
    )  # fmt: skip
    (slow,) = sending.row("gmail").hindrances
    assert (slow.kind, slow.cause, slow.per_minute) == (Kind.SLOWED, "gmail_rate", 300)


def test_another_route_that_is_open_keeps_it_moving(sending: Sending) -> None:
    sending.waits(300, sending.site("gmail"))
    second = Route.objects.create(name="Second", kind=Route.Kind.SMARTHOST, host="127.0.0.1")
    world.add_route(sending.mailing, second)
    routes.pause(sending.route, actor=None)
    row = sending.row("gmail")
    assert (why(row), row.moves, row.state) == ([Kind.PAUSED], True, "waiting")


def test_a_drained_provider_is_empty_once_no_lease_holds_its_people(sending: Sending) -> None:
    gmail = sending.site("gmail")
    lease = sending.on_the_way(10, sending.waits(300, gmail), hi=100)
    mixed = sending.on_the_way(1, sending.waits(300, None), hi=100)
    routes.pause_provider(sending.route, "gmail", actor=None, drain=True)
    seen = []
    for ended in (lease, mixed):
        seen.append([one.empty for one in sending.row("gmail").hindrances])
        Lease.objects.filter(pk=ended.pk).update(closed_at=timezone.now())
    sending.on_the_way(1, sending.waits(300, None), hi=100)  # begun afterwards: nobody of Gmail is in it
    assert seen == [[False], [False]]
    assert [one.empty for one in sending.row("gmail").hindrances] == [True]


def test_paused_campaigns_are_a_sum_of_their_own(sending: Sending) -> None:
    sending.waits(300, sending.site("gmail"))
    Mailing.objects.update(state=Mailing.State.PAUSED, expanded=300)
    found = sending.look()
    assert (found.rows, found.paused, found.total.waiting) == ([], 300, 0)


@pytest.mark.parametrize(
    ("tick", "lease", "paused", "told"),
    [
        (None, False, False, Standstill.NO_WORK_WORKER),
        (300, False, False, Standstill.NO_WORK_WORKER),
        (1, False, False, Standstill.NO_SEND_WORKER),
        (1, False, True, Standstill.ALL_STOPPED),
        (1, True, False, None),
    ],
)
def test_where_nothing_moves_a_sentence_says_why(
    tick: int | None, lease: bool, paused: bool, told: Standstill | None, sending: Sending, client: Client
) -> None:
    run = sending.waits(300, sending.site("gmail"))
    if tick is None:
        Fold.objects.all().delete()
    else:
        Fold.objects.update(folded_at=timezone.now() - timedelta(seconds=tick))
    if lease:
        sending.on_the_way(1, run, hi=100)
    if paused:
        routes.pause(sending.route, actor=None)
    assert sending.look().standstill == told


def page(client: Client, workspace: Workspace, **user: Any) -> str:
    client.force_login(make_member(workspace, "viewer", **user))
    answer = client.get(reverse("analytics:queue"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_workspace_sees_only_what_is_its_own(sending: Sending, client: Client) -> None:
    sending.waits(300, sending.site("gmail"))
    other = Workspace.objects.create(name="Other")
    assert "Nothing is waiting" in page(client, other)
    mine = page(client, sending.world.workspace)
    assert "Gmail" in mine
    assert "Pause…" not in mine


def test_it_asks_the_same_number_of_questions_whatever_waits(sending: Sending) -> None:
    with CaptureQueriesContext(connection) as before:
        sending.look()
    for provider in ("gmail", "docomo", "icloud", "softbank"):
        sending.waits(2_000_000, sending.site(provider))
    with CaptureQueriesContext(connection) as after:
        assert len(sending.look().rows) == 4
    assert len(after) <= len(before) + 2  # the sites, and their buckets


def test_of_many_retries_only_the_first_are_told_apart(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 5)
    sending.deferred(9, sending.site("gmail"))
    row = sending.row("gmail")
    assert (row.deferred, row.more) == (5, True)


def test_who_looks_after_the_install_pauses_a_provider_there_and_resumes_it(sending: Sending, client: Client) -> None:
    sending.waits(300, sending.site("gmail"))
    admin = make_member(sending.world.workspace, "admin", is_install_admin=True, name="Aiko")
    client.force_login(admin)
    url, here = reverse("delivery:provider_hold", args=[sending.route.pk]), reverse("analytics:queue")
    for do, shown in (("pause", "Paused by Aiko since"), ("resume", "Waits its turn"), ("drain", "Run empty")):
        answer = client.post(url, {"do": do, "site": "gmail", "next": here}, follow=True)
        assert answer.redirect_chain[-1][0] == here
        assert shown in answer.content.decode()
    assert client.post(url, {"do": "pause", "site": "nobody.example"}).status_code == 400
    assert client.post(url, {"do": "explode", "site": "gmail"}).status_code == 400
