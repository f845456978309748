"""A mailing under way: paused, stopped, slowed, refused, with people who leave meanwhile."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import fields
from accounts.models import Workspace
from contacts import people, subscriptions
from contacts.addresses import Address, parse
from contacts.models import Contact, Suppression
from delivery import contents, copies, mailings
from delivery.models import (
    Attempt,
    Bucket,
    Event,
    Lease,
    Limit,
    Mailing,
    Message,
    MessageState,
    Route,
    Run,
)  # fmt: skip
from delivery.queue import gate, leasing, ticks
from delivery.queue.counts import counts
from delivery.queue.leasing import Worker
from delivery.queue.outcomes import returned
from delivery.queue.settle import settle
from delivery.sender.running import Running
from delivery.sender.thread import SendThread
from tests.delivery.queue import world
from tests.delivery.queue.world import rules, sending, states
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
HERE = Worker("host:1:1", "host")
SLOW = {"*": "WAIT 0.05"}


def test_pause_finishes_what_is_on_the_way_and_resume_goes_on(smtp_server: Receiver, send_thread: SendThread) -> None:
    smtp_server.answer(dot=SLOW)
    mailing = sending(400, smtp_server)
    world.run(send_thread, lambda: bool(smtp_server.ledger()))

    assert mailings.pause(mailing)
    world.run(send_thread, lambda: not Lease.objects.filter(closed_at=None).exists())
    sent = len(smtp_server.ledger())
    send_thread.work(0.5)
    told = counts(mailing)
    assert told.delivered == sent == len(smtp_server.ledger()) < 400
    assert told.waiting == 400 - sent

    mailings.resume(mailing)
    world.run(send_thread, world.ended(mailing), seconds=60)
    assert counts(mailing).delivered == len(smtp_server.ledger()) == 400


def test_stop_cancels_whoever_still_waits(smtp_server: Receiver, send_thread: SendThread) -> None:
    smtp_server.answer(dot=SLOW)
    mailing = sending(400, smtp_server)
    world.run(send_thread, lambda: bool(smtp_server.ledger()))

    assert mailings.stop(mailing)
    world.run(send_thread, world.ended(mailing))

    told = counts(mailing)
    assert mailing.state == Mailing.State.STOPPED
    assert told.delivered == len(smtp_server.ledger())
    assert told.delivered + told.not_sent == 400
    log = Event.objects.filter(kind="state", mailing_id=mailing.pk).order_by("id").values_list("detail__to", flat=True)
    assert list(log) == ["expanding", "sending", "stopped"]


def test_a_process_that_ends_gives_back_what_it_did_not_start(smtp_server: Receiver, send_thread: SendThread) -> None:
    smtp_server.answer(dot=SLOW)
    mailing = sending(400, smtp_server)
    world.run(send_thread, lambda: bool(smtp_server.ledger()))

    send_thread.close()

    told = counts(mailing)
    assert told.delivered == len(smtp_server.ledger())
    assert (told.unknown, told.on_the_way, told.delivered + told.waiting) == (0, 0, 400)
    assert not Lease.objects.filter(closed_at=None).exists()


def test_a_wrong_password_pauses_the_route_and_the_campaign_and_fails_nobody(
    receivers: Any, send_thread: SendThread
) -> None:
    server = receivers({"users": {"shirase": "right"}})
    mailing = sending(5, server)
    route = Route.objects.get()
    route.username = "shirase"
    fields.seal(route, "password_sealed", "wrong")
    route.save()
    # A password in clear is never sent, so that the route's security decides first.
    world.run(send_thread, lambda: Route.objects.get().paused_at is not None)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.pause_reason) == (Mailing.State.PAUSED, Route.objects.get().pause_reason)
    assert states(mailing) == {"queued": 5}
    assert {m.attempts for m in Message.objects.all()} == {0}


def test_421_at_every_greeting_closes_the_route_and_costs_nobody_an_attempt(
    receivers: Any, send_thread: SendThread, settings: Any
) -> None:
    settings.TIME_SCALE = 0.01
    server = receivers({"banner": ["421 4.3.2 busy", "421 4.3.2 busy"]})
    mailing = sending(20, server)

    world.run(send_thread, world.ended(mailing))

    assert states(mailing) == {"delivered": 20}
    assert {m.attempts for m in Message.objects.all()} == {1}
    assert Bucket.objects.get(key__startswith="route:").closings == 0, "it was proved again"


def test_a_rate_is_kept_by_two_processes_together(
    smtp_server: Receiver, send_thread: SendThread, other_thread: SendThread
) -> None:
    mailing = sending(150, smtp_server)
    Limit.objects.create(route=Route.objects.get(), per_second=50)
    Run.objects.update(last=F("first") + 74)
    run = Run.objects.get()
    run.pk, run.first, run.cursor, run.last = None, run.last + 1, run.last + 1, run.last + 75
    run.save()  # a lease for each

    world.run_both(send_thread, other_thread, [mailing])

    times = sorted(line.time for line in smtp_server.ledger())
    assert len(times) == 150
    busiest = max(sum(1 for t in times if at <= t < at + 1) for at in times)
    assert busiest <= 60, "50 a second, and what a late second may add"
    assert times[-1] - times[0] >= 2.5


def test_a_limit_that_is_set_meanwhile_holds_for_what_was_leased_before(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    """A thousand people are one lease: nobody can wait for its end who was told to slow down."""
    smtp_server.answer(dot={"*": "WAIT 0.02"})
    mailing = sending(900, smtp_server)
    world.run(send_thread, lambda: len(smtp_server.ledger()) > 20)
    Limit.objects.create(route=Route.objects.get(), per_second=10)
    assert Run.objects.get().cursor > Run.objects.get().last, "all are leased"
    send_thread.work(1.5)
    before = len(smtp_server.ledger())

    send_thread.work(2.0)

    assert 10 <= len(smtp_server.ledger()) - before <= 40
    assert not mailing.finished_at


def test_an_hourly_cap_leaves_the_rest_waiting(smtp_server: Receiver, send_thread: SendThread) -> None:
    mailing = sending(80, smtp_server)
    Limit.objects.create(workspace=mailing.workspace, per_hour=30)

    world.run(send_thread, lambda: counts(mailing).delivered == 30)
    send_thread.work(0.5)

    assert len(smtp_server.ledger()) == 30
    assert states(mailing) == {"delivered": 30, "queued": 50}
    assert Run.objects.filter(not_before__gt=timezone.now()).exists(), "the lane says until when it rests"


def test_connections_are_shared_and_changed_after_so_many_messages(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    mailing = sending(90, smtp_server)
    Limit.objects.create(route=Route.objects.get(), connections=2, per_connection=10)
    other = SendThread()
    try:
        began = time.monotonic()
        for thread in itertools.cycle((send_thread, other)):
            ticks.advance()
            thread.work(0.3)
            mailing.refresh_from_db()
            if mailing.finished_at:
                break
            assert time.monotonic() - began < 30
    finally:
        other.close()

    stats = smtp_server.stats()
    assert stats["most_open"] <= 2
    assert stats["connections"] >= 9


def test_a_letter_that_cannot_be_written_is_held(smtp_server: Receiver, send_thread: SendThread) -> None:
    here = world.make(smtp_server)
    endless = "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}"
    here.content = contents.store(here.workspace, replace(world.FROZEN, hash="1" * 64, html=endless))
    here.people(["p@example.net"])
    mailing = here.mailing()

    world.run(send_thread, lambda: counts(mailing).held == 1)

    message = Message.objects.get()
    assert (message.state, message.cause, message.attempts) == (MessageState.HELD, "render_error", 0)


def test_whatever_goes_wrong_in_writing_holds_that_person_only(smtp_server: Receiver, send_thread: SendThread) -> None:
    here = world.make(smtp_server)
    odd, _fine = here.people(["odd@example.net", "fine@example.net"])
    Contact.objects.filter(pk=odd.pk).update(fields="no object at all")
    mailing = here.mailing()

    world.run(send_thread, lambda: counts(mailing).held == 1 and counts(mailing).delivered == 1)

    assert Message.objects.get(contact=odd).cause == "render_error"


def test_a_lease_that_breaks_off_is_recovered_from_the_journal_and_pauses_its_mailing(
    smtp_server: Receiver, send_thread: SendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own, in the middle: some are answered, some are on the way, some were never begun."""
    smtp_server.answer(dot=SLOW)
    mailing = sending(300, smtp_server)
    batch, batches = Running._batch, itertools.count()

    async def break_off(self: Running) -> None:
        if next(batches) == 3:
            raise RuntimeError("a bug")
        await batch(self)

    monkeypatch.setattr(Running, "_batch", break_off)
    world.run(send_thread, lambda: Mailing.objects.get().state == Mailing.State.PAUSED)
    assert Mailing.objects.get().pause_reason == "worker_broke"
    world.run(send_thread, lambda: not Lease.objects.filter(closed_at=None).exists())
    assert counts(mailing).delivered == len(smtp_server.ledger()) < 300
    assert counts(mailing).unknown == 0

    mailings.resume(mailing)
    world.run(send_thread, world.ended(mailing), seconds=60)
    assert counts(mailing).delivered == len(smtp_server.ledger()) == len({line.rcpt for line in smtp_server.ledger()})
    assert counts(mailing).delivered == 300


def test_a_late_sign_that_a_mail_never_left_opens_a_finished_mailing_again(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    smtp_server.answer(dot={"p1": ["DROP"]})
    mailing = sending(3, smtp_server)
    world.run(send_thread, world.ended(mailing))
    message = Message.objects.get(state=MessageState.UNCERTAIN)

    late = [returned(message.pk)]
    with transaction.atomic():
        settle(late, mailing=mailing.pk, lane="all", site=None)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.finished_at) == (Mailing.State.SENDING, None)
    world.run(send_thread, world.ended(mailing))
    assert counts(mailing).delivered == 3


def test_an_old_address_that_was_stopped_gets_no_mail_though_its_owner_has_a_new_one() -> None:
    mailing = sending(2)
    claim = leasing.take(HERE)
    assert claim
    message = Message.objects.select_related("contact").order_by("pk")[0]
    assert message.contact
    subscriptions.suppress(mailing.workspace, message.contact.address_key, Suppression.Reason.NO_SUCH_USER, source="t")
    new = parse("new@example.net")
    assert isinstance(new, Address)
    people.readdress(message.contact, new)

    passed = gate.pass_through(claim, rules(mailing), claim.ids)

    assert passed.refused == {message.pk: "bounced"}


def test_an_erased_person_leaves_no_address_behind(smtp_server: Receiver, send_thread: SendThread) -> None:
    smtp_server.answer(rcpt={"p1": "550 5.1.1 <p1@example.net> no such user"})
    mailing = sending(2, smtp_server)
    world.run(send_thread, world.ended(mailing))
    for contact in Contact.objects.all():
        people.erase(contact)

    assert set(Message.objects.values_list("rcpt", flat=True)) == {""}
    log = Attempt.objects.filter(mailing_id=mailing.pk)
    kept = " ".join(str(row) for row in log.values_list("reply", "transcript", "cause", "code"))
    assert "example.net" not in kept
    assert "no_such_user" in kept, "what happened stays"


def test_what_is_edited_after_it_was_scheduled_changes_neither_the_mail_nor_its_copy(
    smtp_server: Receiver, send_thread: SendThread
) -> None:
    here = world.make(smtp_server)
    here.people(["p@example.net"])
    mailing = here.mailing(reply_to="info@例え.jp")
    edit(here, "before it was sent")
    world.run(send_thread, world.ended(mailing))
    edit(here, "after it was sent")

    (sent,) = smtp_server.messages()
    assert b"it was sent" not in sent.data
    assert sent.data.isascii() and b"Reply-To: info@xn--r8jz45g.jp\r\n" in sent.data
    copy = copies.copy_of(Message.objects.get(), timezone.now())
    assert copy and copy.same


def edit(here: world.World, words: str) -> None:
    Workspace.objects.update(name=words, legal_name=words, postal_address=words)
    type(here.list).objects.update(name=words, public_name=words)
    type(here.from_address).objects.update(name=words)


def test_a_notice_that_may_have_been_taken_goes_out_again_with_the_same_bytes(
    smtp_server: Receiver, send_thread: SendThread, settings: Any
) -> None:
    settings.TIME_SCALE = 0.001
    here = world.make(smtp_server, signed=True)
    smtp_server.answer(dot={"p": ["ACCEPT DROP"]})
    mailing = mailings.post(
        workspace=here.workspace, kind=Mailing.Kind.NOTICE, content=here.content, from_address=here.from_address,
        routes=[here.route], rcpts=["p@example.net"],
    )  # fmt: skip

    world.run(send_thread, world.ended(mailing))

    first, second = smtp_server.messages()
    assert first.data == second.data
    assert counts(mailing).delivered == 1
