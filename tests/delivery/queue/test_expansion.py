"""Who is queued, who is left out and why; slices, lanes, and what a cut-off slice leaves."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import subscriptions
from contacts.models import Contact, List, Subscription, Suppression
from delivery import mailings
from delivery.models import Domain, Exclusion, Mailing, Message, MessageState, Route, Run, Site
from delivery.queue import expand, ticks
from delivery.queue.audience import funnel
from delivery.queue.counts import counts
from tests.delivery.queue import world
from tests.delivery.queue.world import World

pytestmark = pytest.mark.django_db
Reason = Suppression.Reason


@pytest.fixture
def here() -> World:
    return world.make()


def expanded(mailing: Mailing, size: int = 50) -> Mailing:
    ticks.start_due()
    while expand.expand(mailing.pk, size):
        pass
    mailing.refresh_from_db()
    return mailing


def test_everyone_left_out_has_the_first_reason_that_holds(here: World) -> None:
    other = List.objects.create(workspace=here.workspace, name="Other", list_id_label="other")
    fine, erased, complained, left, gone, stopped, resting, on_other = here.people(
        f"{name}@{name}.example"
        for name in ["fine", "erased", "complained", "left", "gone", "stopped", "resting", "other"]
    )
    Contact.objects.filter(pk=erased.pk).update(erased_at=timezone.now())
    for contact, reason in (
        (complained, Reason.COMPLAINT), (gone, Reason.NO_SUCH_USER), (stopped, Reason.MANUAL), (erased, Reason.MANUAL),
    ):  # fmt: skip
        subscriptions.suppress(here.workspace, contact.address_key, reason, source="test")
    subscriptions.unsubscribe(left, [here.list], source="test")
    subscriptions.unsubscribe(complained, [here.list], source="test")
    Domain.objects.create(name="resting.example", rests_until=timezone.now() + timedelta(days=3))
    Subscription.objects.create(list=other, contact=on_other)

    told = funnel(here.workspace.pk, [here.list.pk], [other.pk])
    mailing = expanded(here.mailing(exclude_lists=[other.pk]))

    excluded = {e.contact_id: e.reason for e in Exclusion.objects.filter(mailing=mailing)}
    assert excluded == {
        erased.pk: "erased", complained.pk: "complained", left.pk: "unsubscribed", gone.pk: "bounced",
        stopped.pk: "stopped", resting.pk: "domain_rests", on_other.pk: "excluded_list",
    }  # fmt: skip
    assert [m.contact_id for m in Message.objects.filter(mailing=mailing)] == [fine.pk]
    after = counts(mailing)
    assert (after.will_receive, after.excluded_total, after.audience) == (1, 7, 8)
    assert dict(Counter(excluded.values())) == after.excluded == told.excluded
    assert (told.matched, told.will_receive) == (8, 1)


def test_somebody_on_two_lists_gets_one_letter(here: World) -> None:
    second = List.objects.create(workspace=here.workspace, name="Second", list_id_label="second")
    (both,) = here.people(["both@example.net"])
    Subscription.objects.create(list=second, contact=both, state="unsubscribed")

    mailing = expanded(here.mailing())

    Mailing.objects.filter(pk=mailing.pk).update(include_lists=[here.list.pk, second.pk])
    assert Message.objects.filter(mailing=mailing).count() == 1


def test_sites_with_enough_people_get_runs_of_their_own_and_slices_join_into_one_range(here: World) -> None:
    here.route.kind = Route.Kind.DIRECT
    here.route.save()
    big = Site.objects.create(key="big.example")
    Domain.objects.create(name="big.example", site=big)
    here.people(address for n in range(210) for address in (f"a{n}@big.example", f"b{n}@small{n % 7}.example"))

    mailing = expanded(here.mailing(), size=50)

    runs = {run.lane: run for run in Run.objects.filter(mailing=mailing)}
    assert set(runs) == {f"site:{big.pk}", "mixed"}
    for lane, run in runs.items():
        inside = Message.objects.filter(mailing=mailing, pk__range=(run.first, run.last)).select_related("domain")
        assert run.last - run.first + 1 == inside.count() == 210
        assert {(m.domain.name == "big.example") for m in inside} == {lane != "mixed"}
    assert mailing.state == Mailing.State.SENDING


def test_an_audience_that_grows_meanwhile_still_fits(here: World) -> None:
    here.people(f"early{n}@example.net" for n in range(30))
    mailing = here.mailing()
    ticks.start_due()
    expand.expand(mailing.pk, 10)  # the plan: a block for 30 people and one slice
    here.people(f"late{n}@example.net" for n in range(60))
    while expand.expand(mailing.pk, 10):
        pass

    mailing.refresh_from_db()
    runs = Run.objects.filter(mailing=mailing)
    assert mailing.expanded == Message.objects.filter(mailing=mailing).count() == 90
    assert sum(run.last - run.first + 1 for run in runs) == 90
    assert len(runs) > 1


def test_a_long_plan_is_made_in_steps(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "PLANNED", 100)
    here.route.kind = Route.Kind.DIRECT
    here.route.save()
    big = Site.objects.create(key="big.example")
    Domain.objects.create(name="big.example", site=big)
    here.people(address for n in range(200) for address in (f"a{n}@big.example", f"b{n}@small{n % 7}.example"))
    mailing = here.mailing()
    ticks.start_due()

    expand.expand(mailing.pk)

    mailing.refresh_from_db()
    assert sum(people for _, people in mailing.expansion_cursor["plan"]["sites"]) == 100
    expanded(mailing)
    assert {run.lane: run.last - run.first + 1 for run in mailing.runs.all()} == {f"site:{big.pk}": 200, "mixed": 200}


def test_a_small_mailing_does_not_wait_until_a_large_one_is_expanded(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expand.expand, "__defaults__", (10,))
    first, *_ = here.people(f"p{n}@example.net" for n in range(100))
    few = List.objects.create(workspace=here.workspace, name="Few", list_id_label="few")
    Subscription.objects.create(list=few, contact=first)
    large, small = here.mailing(), here.mailing()
    Mailing.objects.filter(pk=small.pk).update(include_lists=[few.pk])

    while Mailing.objects.get(pk=small.pk).state != Mailing.State.SENDING:
        ticks.advance(0.0)

    large.refresh_from_db()
    assert large.state == Mailing.State.EXPANDING
    assert large.expanded < 100


def test_a_mailing_stopped_while_it_expands_leaves_nobody_waiting(here: World) -> None:
    here.people(f"p{n}@example.net" for n in range(40))
    mailing = here.mailing()
    ticks.start_due()
    expand.expand(mailing.pk, 10)
    expand.expand(mailing.pk, 10)
    mailings.stop(mailing)

    ticks.advance()

    mailing.refresh_from_db()
    assert mailing.finished_at is not None
    assert set(Message.objects.filter(mailing=mailing).values_list("state", "cause")) == {
        (MessageState.CANCELLED, "stopped")
    }
    assert counts(mailing).not_sent == counts(mailing).will_receive == 10


def test_a_scheduled_mailing_waits_for_its_hour_and_can_be_taken_back(here: World) -> None:
    here.people(["p@example.net"])
    mailing = here.mailing(start_at=timezone.now() + timedelta(hours=1))

    ticks.advance()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.WAITING
    assert mailings.unschedule(mailing)
    assert not Mailing.objects.exists()


def test_nothing_leaves_in_the_name_of_a_domain_that_is_not_live(here: World) -> None:
    here.from_address.sending_domain.live_at = None
    here.from_address.sending_domain.save()

    with pytest.raises(mailings.NotLive):
        here.mailing()
