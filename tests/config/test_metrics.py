"""`/metrics`: who may read it; that it is true, names nobody and costs the same at any size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts import jobs
from analytics import folding
from config.metrics import figures
from config.metrics.exposition import Figure, text
from delivery.models import Bucket, Deferral, Lease, Mailing, Message, Route, Site
from delivery.queue import recent
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

TOKEN = "t0ken-of-more-than-20-characters"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(answer: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
    }


def scraped(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(answer.content.decode())


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples["shirase_" + name, frozenset(labels.items())]


def fold_all() -> None:
    now = int(str(world.rows("SELECT pg_current_xact_id()::text::bigint")[0][0]))
    world_deadline = timezone.now() + timedelta(seconds=30)
    while folding.fold() or (folding.Fold.objects.get().tx <= now and timezone.now() < world_deadline):
        pass


# --- The format


def test_labels_and_words_are_escaped() -> None:
    odd = 'a "quoted" back\\slash\nand a new line'
    written = text([Figure("shirase_odd", odd, [({"label": odd}, 1.5)]), Figure("shirase_unknown", "No samples.")])
    (family,) = text_string_to_metric_families(written)
    assert (family.documentation, family.samples[0].labels, family.samples[0].value) == (odd, {"label": odd}, 1.5)


# --- Who may read it


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "token", "allow", "status"),
    [
        ({}, "", "", 200),
        ({"REMOTE_ADDR": "::1"}, "", "", 200),
        ({"REMOTE_ADDR": "192.0.2.1"}, "", "", 403),
        ({"REMOTE_ADDR": ""}, "", "", 403),
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, "", "", 403),
        ({}, TOKEN, "", 403),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}x"}, TOKEN, "", 403),
        ({"HTTP_AUTHORIZATION": f"Basic {TOKEN}"}, TOKEN, "", 403),
        ({"HTTP_AUTHORIZATION": "Bearer \xe9"}, TOKEN, "", 403),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.1"}, TOKEN, "", 200),
        ({"REMOTE_ADDR": "192.0.2.1"}, "", "192.0.2.0/24", 200),
        ({"REMOTE_ADDR": "::ffff:192.0.2.1"}, "", "192.0.2.0/24", 200),
        ({"REMOTE_ADDR": "198.51.100.1"}, "", "192.0.2.0/24", 403),
        ({"REMOTE_ADDR": "127.0.0.1"}, "", "192.0.2.0/24", 403),
        ({"REMOTE_ADDR": "192.0.2.1"}, TOKEN, "192.0.2.0/24", 403),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, TOKEN, "192.0.2.0/24", 403),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.1"}, TOKEN, "192.0.2.0/24", 200),
    ],
)
def test_whatever_is_set_must_hold(
    client: Client, settings: Any, asked: dict[str, Any], token: str, allow: str, status: int
) -> None:
    settings.EMBEDDED, settings.METRICS_TOKEN = True, token
    settings.METRICS_ALLOW = (ip_network(allow),) if allow else ()
    answer = client.get("/metrics", **asked)
    assert answer.status_code == status
    assert (b"shirase_" in answer.content) == (status == 200)


def test_an_install_that_offers_it_to_nobody_has_no_such_page(client: Client, settings: Any) -> None:
    settings.EMBEDDED, settings.METRICS_TOKEN, settings.METRICS_ALLOW = False, "", ()
    assert client.get("/metrics").status_code == 404


# --- What it says


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    script = {"rcpt": {"gone.*": "550 5.1.1 No such user", "later.*": "451 4.3.0 Try again later"}}
    with Receiver.start(script) as started:
        yield started


@pytest.fixture
def sent(transactional_db: None, receiver: Receiver) -> Mailing:
    """To five people: two have it, one does not exist, one is tried later, one is at a provider that we do not know."""
    here = world.make(receiver)
    here.people(["a@gmail.com", "b@example.net", "gone@example.net", "later@gmail.com", "canary@canary-domain.example"])
    mailing = here.mailing()
    Mailing.objects.filter(pk=mailing.pk).update(name="Canary campaign")
    with closing(SendThread()) as thread:
        world.run(thread, lambda: Message.objects.filter(mailing=mailing, attempts=1).count() == 5)
        world.run(thread, lambda: not Lease.objects.filter(closed_at=None).exists())
    fold_all()
    return mailing


def test_a_small_campaign_is_told_as_it_is(client: Client, sent: Mailing) -> None:
    found = scraped(client)

    assert {labels: n for (name, labels), n in found.items() if name == "shirase_people"} == {
        frozenset({"provider": provider, "outcome": outcome, "reply": reply}.items()): n
        for (provider, outcome, reply), n in {
            ("gmail", "delivered", "2xx"): 1,
            ("gmail", "retrying", "4xx"): 1,
            ("other", "delivered", "2xx"): 2,
            ("other", "failed", "5xx"): 1,
        }.items()
    }
    queue = {labels: n for (name, labels), n in found.items() if name == "shirase_queue_people"}
    assert queue.pop(frozenset({"state": "retrying", "mailing": "sending"}.items())) == 1
    assert set(queue.values()) == {0} and len(queue) == 11
    assert value(found, "mailings", state="sending") == 1
    assert value(found, "leases_open") == value(found, "lease_workers") == value(found, "lease_overdue_seconds") == 0
    assert value(found, "routes", state="open") == Route.objects.count()
    for reply, n in (("2xx", 3), ("4xx", 1), ("5xx", 1)):
        assert value(found, "replies_per_second", server="smarthost", reply=reply) * 60 == pytest.approx(n)
    assert 0 <= value(found, "reply_seconds", quantile="0.5") <= value(found, "reply_seconds", quantile="0.99") < 30
    assert value(found, "database_up") == value(found, "broker_up") == 1
    assert value(found, "database_bytes") > 1_000_000 and value(found, "database_commits_total") > 0
    assert value(found, "work_tick_age_seconds") < 60
    assert value(found, "broker_queue_length", queue="send") == 0


def test_what_holds_the_queue_up_is_told(client: Client, sent: Mailing) -> None:
    now = timezone.now()
    Deferral.objects.update(due_at=now - timedelta(minutes=5))
    site = Site.objects.create(key="mx.canary-domain.example")
    known = Site.objects.create(key="gmail", provider="gmail")
    route = Route.objects.get(name="Receiver")
    in_a_minute = now + timedelta(minutes=1)
    for key in (f"route:{route.pk}/site:{site.pk}", f"route:{route.pk}/site:{known.pk}", f"route:{route.pk}"):
        Bucket.objects.create(key=key, closed_until=in_a_minute)
    Bucket.objects.create(key="domain:7", next_at=in_a_minute)
    Lease.objects.create(
        mailing=sent, route=route, worker="host:1:1", host="host", marked=3,
        created_at=now - timedelta(minutes=2), lease_until=now - timedelta(minutes=1),
    )  # fmt: skip
    jobs.create(sent.workspace, "import", params={})

    found = scraped(client)

    assert 300 <= value(found, "retry_overdue_seconds") < 330
    assert value(found, "retries_due") == 1
    assert value(found, "sites_closed", provider="other") == value(found, "sites_closed", provider="gmail") == 1
    assert value(found, "routes", state="closed") == 1
    assert 30 < value(found, "throttle_wait_seconds", scope="domain") <= 60
    assert value(found, "leases_open") == value(found, "lease_workers") == 1
    assert 120 <= value(found, "lease_oldest_seconds") < 150
    assert 60 <= value(found, "lease_overdue_seconds") < 90
    assert value(found, "jobs", state="waiting") == 1
    Route.objects.filter(pk=route.pk).update(paused_at=now)
    assert value(scraped(client), "routes", state="paused") == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_the_first_try_is_told_by_the_mailings_state(client: Client) -> None:
    here = world.make()
    here.people(["a@example.net", "b@example.net"])
    mailing = here.mailing()
    assert value(scraped(client), "mailings", state="waiting") == 1
    world.ticks.advance()
    world.ticks.advance()
    world.rows("UPDATE delivery_run SET not_before = now() + interval '1 minute' RETURNING id")
    found = scraped(client)
    assert value(found, "queue_people", state="waiting", mailing="sending") == 2
    assert value(found, "queue_resting_people") == 2
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.PAUSED)
    found = scraped(client)
    assert value(found, "queue_people", state="waiting", mailing="paused") == 2
    assert value(found, "queue_resting_people") == 0


def test_it_names_nobody(client: Client, sent: Mailing) -> None:
    site = Site.objects.create(key="mx.canary-domain.example")
    Bucket.objects.create(
        key=f"route:{Route.objects.get(name='Receiver').pk}/site:{site.pk}",
        closed_until=timezone.now() + timedelta(minutes=1),
    )
    answer = client.get("/metrics").content.decode()
    assert "shirase_sites_closed" in answer
    for word in ("canary", "@", "example", "Sora", "October", "Receiver", "127.0.0.1"):
        assert word.lower() not in answer.lower(), word


# --- What it costs


def test_it_asks_the_same_at_any_size_and_nothing_of_the_large_tables(client: Client, sent: Mailing) -> None:
    with CaptureQueriesContext(connection) as few:
        client.get("/metrics")
    for _ in range(3):
        world.rows(
            "INSERT INTO delivery_mailing (workspace_id, kind, state, pause_reason, name, page, content_id,"
            " from_address_id, reply_to, letterhead, tracking_url, include_lists, exclude_lists, rcpts, give_up_after,"
            " expansion_cursor, matched, expanded, created_at)"
            " SELECT workspace_id, kind, state, '', '', '', content_id, from_address_id, '', '{}', '', '{}', '{}',"
            " '{}', give_up_after, '{}', 9, 9, now() FROM delivery_mailing RETURNING id"
        )
    with CaptureQueriesContext(connection) as many:
        assert value(scraped(client), "mailings", state="sending") == 8
    assert len(many) == len(few)
    asked = "\n".join(query["sql"] for query in many.captured_queries)
    assert not re.findall(r"delivery_(?:message|event|exclusion)\w*|contacts_\w+", asked)
    attempts = [query["sql"] for query in many.captured_queries if "FROM delivery_attempt_" in query["sql"]]
    assert attempts and all("ctid >=" in sql for sql in attempts)


def try_of(mailing: Mailing, number: int, ago: str) -> None:
    route = Route.objects.get(name="Receiver")
    world.rows(
        "INSERT INTO delivery_attempt (at, lease_id, message_id, mailing_id, route_id, result, code, reply, took_ms)"
        " SELECT now() - %s::interval, 0, n, %s, %s, 2, 250, repeat('x', 200), 20 FROM generate_series(1, %s) n"
        " RETURNING id",
        ago, mailing.pk, route.pk, number,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_of_the_log_only_the_end_is_read(client: Client) -> None:
    mailing = world.make().mailing()
    try_of(mailing, 3_000, "1 hour")
    try_of(mailing, 12, "5 seconds")

    found = recent.replies(blocks=2)

    assert {key: round(rate * 60) for key, rate in found.per_second.items()} == {("smarthost", "2xx"): 12}
    assert found.seconds == {"0.5": 0.02, "0.9": 0.02, "0.99": 0.02}
    try_of(mailing, 3_000, "10 seconds")
    short = recent.replies(blocks=2)
    assert 1 < short.per_second["smarthost", "2xx"] < 30, "what lies in two blocks, in the ten seconds that they hold"
    (part, first), *_ = world.rows(recent._WHERE, 2)
    plan = world.rows(f"EXPLAIN SELECT * FROM {part} WHERE ctid >= '({first},0)'::tid")
    assert "Tid Range Scan" in str(plan)


# --- When something is away


def away() -> None:
    raise OperationalError("the database is away")


@pytest.mark.django_db
def test_it_says_that_the_database_or_the_broker_is_away(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    found = scraped(client)
    assert (value(found, "database_up"), value(found, "broker_up")) == (1, 0)
    assert not [name for name, _ in found if name == "shirase_broker_queue_length"]
    monkeypatch.setattr(figures.depth, "people", away)
    found = scraped(client)
    assert {name: n for (name, _), n in found.items()} == {"shirase_database_up": 0, "shirase_broker_up": 0}
