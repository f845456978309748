"""A campaign that does harm pauses itself, says what was counted, and is not stopped again for the same tries."""

from __future__ import annotations

from typing import Any

import pytest

from delivery import events, mailings
from delivery.models import Brakes, Event, Lease, Limit, Mailing, Message, Tally, Watch
from delivery.queue import ticks
from delivery.queue.counts import counts
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def paused(mailing: Mailing) -> Any:
    def check() -> bool:
        mailing.refresh_from_db()
        return mailing.state == Mailing.State.PAUSED and not Lease.objects.filter(closed_at=None).exists()

    return check


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("550 5.1.1 no such user", "many_unknown_users"),
        ("554 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org", "many_blocks"),
    ],
)
def test_a_spike_of_refusals_pauses_the_campaign_for_its_cause_and_resuming_begins_anew(
    smtp_server: Receiver, send_thread: SendThread, said: str, cause: str
) -> None:
    smtp_server.answer(rcpt={r"p\d*[036]": said})
    here = world.make(smtp_server)
    Limit.objects.create(route=here.route, per_second=200)
    here.people(f"p{n}@example.net" for n in range(4_000))
    mailing = here.mailing()

    world.run(send_thread, paused(mailing))

    told = counts(mailing)
    figures = mailing.pause_figures
    assert mailing.pause_reason == cause
    assert figures["of"] >= 100 and figures["number"] * 100 > figures["of"] * figures["percent"]
    assert told.failed >= figures["number"] and told.waiting > 2_000 and told.held == 0

    assert mailings.resume(mailing)
    ticks.advance()
    mailing.refresh_from_db()
    assert (mailing.state, mailing.pause_figures) == (Mailing.State.SENDING, {}), "the old tries are not counted again"


def test_what_is_not_about_us_or_the_list_pauses_nothing(smtp_server: Receiver, send_thread: SendThread) -> None:
    """A third is put off by greylisting: their servers do so with every stranger."""
    smtp_server.answer(rcpt={r"p\d*[036]": "451 4.7.1 Greylisted, try again later"})
    mailing = world.sending(300, smtp_server)
    world.run(send_thread, lambda: counts(mailing).waiting == 0 and not Lease.objects.filter(closed_at=None).exists())
    ticks.advance()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert (Watch.objects.get().tries, Watch.objects.get().blocks) == (300, 0)


def test_the_window_forgets_what_is_older_than_its_newest_tries(smtp_server: Receiver, send_thread: SendThread) -> None:
    """The first hundred fail; once two thousand more were taken they are no longer counted."""
    smtp_server.answer(rcpt={r"p\d\d?": "550 5.1.1 no such user"})
    here = world.make(smtp_server)
    Brakes.objects.create(workspace=here.workspace, unknown_users=None)
    Limit.objects.create(route=here.route, per_second=500)
    here.people(f"p{n}@example.net" for n in range(3_000))
    mailing = here.mailing()
    world.run(send_thread, world.ended(mailing), seconds=60)
    row = Watch.objects.get()
    assert counts(mailing).failed == 100
    assert row.unknown_users + row.unknown_users_before == 0 and 500 <= row.tries + row.tries_before < 3_000


def test_complaints_are_counted_against_everyone_who_got_it() -> None:
    mailing = world.sending(10)
    Tally.add(mailing.pk, "delivered", 2_000)
    contact = Message.objects.filter(mailing=mailing).values_list("contact_id", flat=True)[0]

    def complain(number: int) -> str:
        for _ in range(number):
            events.append(
                Event.Kind.COMPLAINT, workspace_id=mailing.workspace_id, mailing_id=mailing.pk, contact_id=contact
            )
        ticks.advance()
        mailing.refresh_from_db()
        return mailing.pause_reason

    assert complain(6) == "", "6 of 2,000 are 0.3 %: not over it"
    assert complain(1) == "many_complaints"
    assert mailing.pause_figures == {"number": 7, "of": 2_000, "percent": 0.3}
    mailings.resume(mailing)
    assert complain(6) == "", "the seven before do not count twice"


def test_a_threshold_that_is_off_never_pauses() -> None:
    mailing = world.sending(10)
    Watch.objects.create(mailing=mailing, tries=200, unknown_users=200, blocks=0)
    Brakes.objects.create(workspace=mailing.workspace, unknown_users=None)
    ticks.advance()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
