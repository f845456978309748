"""Warm-up plans: what a day lets through, to whom first, and how long the rest waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from contacts.models import Contact
from delivery import buckets, mailings, warmup, warmups
from delivery.models import Bucket, Mailing, Message, MessageState, Route, Run, Site, WarmUp
from delivery.queue import expand, ticks
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from delivery.warmup import DAY, Today
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver


@pytest.mark.parametrize(
    ("seconds", "day"),
    [(-1, None), (0, 0), (DAY - 1, 0), (DAY, 1), (3 * DAY - 1, 2), (3 * DAY, None), (99 * DAY, None)],
)
def test_a_day_of_the_plan_is_24_hours_and_nothing_is_capped_before_and_after(seconds: float, day: int | None) -> None:
    assert warmup.day_of(seconds, (200, 400, 800)) == day


@pytest.mark.parametrize(
    ("today", "people", "days"),
    [
        (Today((200, 400, 800), 0), 200, 0),
        (Today((200, 400, 800), 0), 201, 1),
        (Today((200, 400, 800), 0, used=150), 450, 1),
        (Today((200, 400, 800), 0, used=150), 451, 2),
        (Today((200, 400, 800), 0), 1_401, 3),  # the day after the plan's end: all that are left
        (Today((200, 400, 800), 2), 1_000_000, 1),
        (Today((200, 400, 800), 1, used=500), 1, 1),  # the cap was lowered: nobody more today
        (Today((200, 400, 800), 0, used=200, held=True), 1_000, 5),  # paused: 200 every day
        (Today((200, 400, 800), 0), 0, 0),
    ],
)
def test_how_many_days_an_audience_takes(today: Today, people: int, days: int) -> None:
    assert warmup.days(today, people) == days


def begin(route: Route, caps: list[int], *, site: Site | None = None, days_ago: float = 0) -> WarmUp:
    return warmups.save(
        route, site.key if site else "", starts_at=timezone.now() - timedelta(days=days_ago), caps=caps, actor=None
    )


def later(plan: WarmUp, **span: float) -> None:
    """What was sold and begun, so much earlier."""
    ago = timedelta(**span)
    WarmUp.objects.filter(pk=plan.pk).update(starts_at=F("starts_at") - ago)
    Bucket.objects.filter(key=plan.bucket).update(day_slots_at=F("day_slots_at") - ago)
    Run.objects.update(not_before=None)


@pytest.mark.django_db(transaction=True)
def test_a_plan_lets_the_cap_of_each_day_through_for_all_workers_and_ends_by_itself(
    smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    mailing = world.sending(100, smtp_server)
    plan = begin(Route.objects.get(), [20, 45])

    def delivered() -> int:
        Run.objects.update(not_before=None)  # who waits for a limit asks again in two minutes
        return counts(mailing).delivered

    def day_is_used_up(number: int) -> None:
        world.run(send_thread, lambda: delivered() == number)
        for thread in (other_thread, send_thread):
            Run.objects.update(not_before=None)
            thread.work(0.5)
        assert counts(mailing).delivered == len(smtp_server.ledger()) == number

    day_is_used_up(20)
    later(plan, days=1)
    day_is_used_up(45)  # what was sold a day ago less one slot still counts
    later(plan, days=1)
    world.run(send_thread, lambda: delivered() == 100)

    plan.refresh_from_db()
    assert plan.sent == [20, 25]
    assert {m.attempts for m in Message.objects.all()} == {1}
    assert warmups.today(plan) is None


@pytest.mark.django_db(transaction=True)
def test_a_test_mail_does_not_wait_for_the_next_day(smtp_server: Receiver, send_thread: SendThread) -> None:
    here = world.make(smtp_server)
    plan = begin(here.route, [1])
    test = mailings.post(
        workspace=here.workspace, kind=Mailing.Kind.TEST, content=here.content, from_address=here.from_address,
        routes=[here.route], rcpts=["a@example.net", "b@example.net", "c@example.net"],
    )  # fmt: skip

    world.run(send_thread, world.ended(test))

    plan.refresh_from_db()
    assert counts(test).delivered == 3
    assert plan.sent == []


@pytest.mark.django_db(transaction=True)
def test_one_provider_is_warmed_up_while_others_get_everything(
    smtp_server: Receiver, send_thread: SendThread, settings: Any
) -> None:
    """In the lane that small sites share."""
    zone: dict[str, Any] = {}
    for name in ("young", "old"):
        zone |= {f"{name}.example": {"MX": [f"10 mx.{name}.example"]}, f"mx.{name}.example": {"A": ["127.0.0.1"]}}
    with Dns(zone) as names:
        settings.DNS_RESOLVER, settings.ALLOW_PRIVATE_MX, settings.MX_PORT = names.address, True, smtp_server.port
        here = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT, host="")
        here.people(["learn@young.example"])
        world.run(send_thread, world.ended(here.mailing()))
        young = Site.objects.get()
        plan = begin(here.route, [5], site=young)
        here.people(f"p{n}@{name}.example" for n in range(20) for name in ("young", "old"))
        mailing = here.mailing()
        world.run(send_thread, lambda: counts(mailing).delivered >= 25)
        send_thread.work(0.5)

    domains = [line.rcpt.rpartition("@")[2] for line in smtp_server.ledger()[1:]]
    assert (domains.count("young.example"), domains.count("old.example")) == (5, 20)
    plan.refresh_from_db()
    assert plan.sent == [5]
    assert set(Message.objects.filter(mailing=mailing).values_list("state", "attempts")) == {
        (MessageState.DELIVERED, 1), (MessageState.QUEUED, 0),
    }  # fmt: skip


@pytest.mark.django_db
def test_whoever_reads_our_mail_has_the_lower_ids_and_nobody_is_made_twice_or_left_out() -> None:
    here = world.make()
    begin(here.route, [10, 20])
    people = here.people(f"p{n}@example.net" for n in range(60))
    now = timezone.now()
    opened, clicked, long_ago = people[10], people[50], people[5]
    Contact.objects.filter(pk=opened.pk).update(last_opened_at=now - timedelta(days=3))
    Contact.objects.filter(pk=clicked.pk).update(last_clicked_at=now - timedelta(days=80))
    Contact.objects.filter(pk=long_ago.pk).update(last_opened_at=now - timedelta(days=200))
    mailing = here.mailing()
    ticks.start_due()
    expand.expand(mailing.pk, 20)
    while expand.expand(mailing.pk, 20):
        # Somebody opens an older mail between the passes.
        Contact.objects.filter(pk=people[15].pk).update(last_opened_at=now)

    mailing.refresh_from_db()
    order = list(Message.objects.filter(mailing=mailing).order_by("pk").values_list("contact", flat=True))
    assert set(order[:2]) == {opened.pk, clicked.pk}
    assert sorted(order) == [one.pk for one in people]
    assert (mailing.matched, mailing.expanded) == (60, 60)
    run = Run.objects.get()
    assert run.last - run.first + 1 == 60


@pytest.mark.django_db
def test_a_paused_plan_stays_at_its_day_and_goes_on_there() -> None:
    route = Route.objects.create(name="R", kind=Route.Kind.SMARTHOST, host="mail.example.com")
    plan = begin(route, [200, 400, 800], days_ago=1.5)

    def cap() -> int | None:
        plan.refresh_from_db()
        found = warmups.today(plan)
        return found and found.cap

    assert cap() == 400
    assert warmups.pause(plan, actor=None)
    assert not warmups.pause(plan, actor=None), "it was so already"
    WarmUp.objects.update(paused_at=F("paused_at") - timedelta(days=2), starts_at=F("starts_at") - timedelta(days=2))
    assert cap() == 400
    assert [limit.per_day for limit in warmups.limits()] == [400]
    assert warmups.resume(plan, actor=None)
    assert cap() == 400
    plan.refresh_from_db()
    assert abs(timezone.now() - plan.starts_at - timedelta(days=1.5)) < timedelta(minutes=1)

    assert warmups.remove(plan, actor=None)
    assert warmups.limits() == []
    assert not warmups.warming(route.pk)


@pytest.mark.django_db
def test_what_a_plan_tells_of_a_campaign_counts_those_who_share_it() -> None:
    mailing = world.sending(500)
    route = Route.objects.get()
    plan = begin(route, [100, 200, 400])
    found = warmups.forecasts([mailing]).get(mailing.pk)
    assert found
    assert (found.today.left, found.soonest, found.latest) == (100, 2, 2)

    (scope,) = buckets.scopes(buckets.limits(), buckets.Sender(), route, None, {})
    buckets.buy([scope], 40)
    assert Mailing.objects.count() == 1
    found = warmups.forecasts([mailing]).get(mailing.pk)
    assert found
    assert found.today.left == 60
    plan.refresh_from_db()
    assert plan.sent == [40]

    other = Mailing.objects.get()
    other.pk, other._state.adding = None, True
    other.expanded = 200
    other.save()
    world.add_route(other, route)
    found = warmups.forecasts([mailing]).get(mailing.pk)
    assert found
    assert (found.soonest, found.latest) == (2, 3)

    warmups.remove(plan, actor=None)
    assert warmups.forecasts([mailing]) == {}
