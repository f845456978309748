"""Send again to these: from the people who failed or are unknown to a second campaign, over a real receiver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role
from campaigns import again, audience, editing, launching, preflight
from campaigns.models import Campaign
from contacts import subscriptions
from contacts.models import Contact
from delivery import people_sets
from delivery.knowledge import classify
from delivery.models import Mailing, Message, MessageState, PeopleSet, PeopleSetMember, Route
from delivery.queue import late, ticks
from delivery.queue.counts import counts
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from delivery.sender.thread import SendThread
from delivery.smtp.replies import EnhancedStatus, Phase, Reply
from tests.campaigns.live import Shop, open_shop
from tests.delivery.queue import world
from tests.delivery.queue.conftest import *  # noqa: F403
from tests.factories import make_member
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT: dict[str, Any] = {
    "rcpt": {"gone.*": "550 5.1.1 No such user here", "full.*": ["552 5.2.2 Mailbox full"]},
    "dot": {"drop.*": ["ACCEPT DROP"], "vanish.*": ["DROP"]},
}


@pytest.fixture
def shop(dns_server: Dns, smtp_server: Receiver, settings: Any) -> Shop:
    smtp_server.answer(**SCRIPT)
    route = Route(
        name="Office", kind=Route.Kind.SMARTHOST, security=Route.Security.NONE, host="127.0.0.1", port=smtp_server.port
    )
    return open_shop(dns_server, route, settings)


@pytest.fixture
def send_to(shop: Shop, send_thread: SendThread) -> Callable[[Iterable[str]], Campaign]:
    def send(names: Iterable[str]) -> Campaign:
        shop.people(f"{name}@example.net" for name in names)
        mailing = shop.launch()
        world.run(send_thread, world.ended(mailing))
        return Campaign.objects.get(mailing=mailing)

    return send


@pytest.fixture
def sender(shop: Shop) -> Client:
    client = Client()
    client.force_login(shop.person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def draft_for(sent: Campaign, outcome: str, cause: str = "") -> Campaign:
    draft, new = again.choose(sent, outcome, cause, by=None)
    assert new
    return draft


def sent_out(draft: Campaign, shop: Shop, thread: SendThread) -> Mailing:
    stops = preflight.check(draft).stops
    assert not stops, [(check.key, check.title, check.detail) for check in stops]
    mailing = launching.schedule(draft, by=shop.person, actor=shop.person)
    assert launching.start_now(Campaign.objects.get(pk=draft.pk), actor=shop.person)
    world.run(thread, world.ended(mailing))
    return mailing


def got(receiver: Receiver) -> Counter[str]:
    return Counter(one.rcpt.partition("@")[0] for one in receiver.ledger())


def reached(mailing: Mailing) -> set[str]:
    return {rcpt.partition("@")[0] for rcpt in mailing.messages.values_list("rcpt", flat=True)}


def test_who_bounced_later_gets_it_once_more_and_nobody_who_has_it(
    shop: Shop, smtp_server: Receiver, send_thread: SendThread, send_to: Callable[[Iterable[str]], Campaign]
) -> None:
    """Over a smarthost what was broken comes back as reports: these people are no others than who failed at once."""
    sent = send_to(["late", "moved", "closed", "has_it"])
    gone = "550 5.1.1 No such user"
    said = {"late": "550 5.7.26 Unauthenticated mail is not accepted", "moved": gone, "closed": gone}
    for message in Message.objects.select_related("mailing", "contact", "domain").filter(mailing=sent.mailing):
        code = said.get(message.rcpt.partition("@")[0])
        if code:
            reply = Reply(550, code.removeprefix("550 "), EnhancedStatus.find(code.removeprefix("550 ")), Phase.DSN)
            assert late.bounced(message, reply, classify(reply))
    draft = draft_for(sent, "bounced")
    chosen = again.chosen(draft)
    assert chosen is not None
    assert (chosen.outcome, chosen.people) == ("bounced", 3)
    subscriptions.suppress(sent.workspace_id, "closed@example.net", "no_such_user", source="report")
    mailing = sent_out(draft, shop, send_thread)
    assert reached(mailing) == {"late", "moved"} and counts(mailing).excluded == {"bounced": 1}
    assert got(smtp_server) == {"late": 2, "moved": 2, "closed": 1, "has_it": 1}


def test_the_unknown_get_it_once_more_and_nobody_else(
    send_to: Callable[..., Campaign], shop: Shop, sender: Client, smtp_server: Receiver, send_thread: SendThread
) -> None:
    sent = send_to(["fine", "gone", "full", "drop1", "drop2", "vanish", "leaves"])
    assert sent.mailing and (counts(sent.mailing).unknown, counts(sent.mailing).failed) == (3, 2)

    draft = Campaign.objects.get(pk=_pressed(sender, sent, "unknown"))
    page = sender.get(reverse("campaigns:send", args=[draft.pk])).content.decode()
    assert "3 people may get it twice" in page
    subscriptions.set_preferences(Contact.objects.get(address="drop2@example.net"), [], source="page")
    mailing = sent_out(draft, shop, send_thread)

    assert reached(mailing) == {"drop1", "vanish"}
    assert counts(mailing).excluded == {"unsubscribed": 1} and counts(mailing).delivered == 2
    assert got(smtp_server) == {"fine": 1, "leaves": 1, "drop1": 2, "drop2": 1, "vanish": 1}
    first, second = (Campaign.objects.get(pk=pk) for pk in (sent.pk, draft.pk))
    assert (first.subject, first.html) == (
        second.subject,
        second.html,
    ) and second.name == "Autumn teas (again: unknown)"
    assert sent.mailing.content_id == mailing.content_id, "the same letter"


def test_of_those_who_failed_whoever_has_no_address_is_left_out(
    send_to: Callable[..., Campaign], shop: Shop, sender: Client, smtp_server: Receiver, send_thread: SendThread
) -> None:
    sent = send_to(["fine", "gone", "full1", "full2"])
    draft = Campaign.objects.get(pk=_pressed(sender, sent, "failed"))

    chosen = again.chosen(draft)
    assert chosen and {(row.cause, row.people, str(row.prospect)) for row in chosen.causes} == {
        ("no_such_user", 1, "left_out"), ("mailbox_full", 2, "same"),
    }  # fmt: skip
    page = sender.get(reverse("campaigns:send", args=[draft.pk])).content.decode()
    assert "none of them gets it twice" in page and "2 people</b>" in page and "refused the same way" in page
    counted = audience.funnel(draft)
    assert (counted.matched, counted.receiving, [line.reason for line in counted.lines]) == (3, 2, ["bounced"])
    assert reached(sent_out(draft, shop, send_thread)) == {"full1", "full2"}
    assert got(smtp_server) == {"fine": 1, "full1": 1, "full2": 1}


def test_one_cause_alone(send_to: Callable[..., Campaign], shop: Shop, send_thread: SendThread) -> None:
    sent = send_to(["gone", "full"])
    draft = draft_for(sent, "failed", "mailbox_full")
    assert reached(sent_out(draft, shop, send_thread)) == {"full"}


def test_who_turns_out_to_have_got_it_is_left_out_before_the_start_and_at_the_last_moment(
    send_to: Callable[..., Campaign], shop: Shop, smtp_server: Receiver, send_thread: SendThread
) -> None:
    sent = send_to(["drop1", "drop2", "vanish"])
    draft = draft_for(sent, "unknown")
    _arrived(sent, "drop1")
    mailing = launching.schedule(draft, by=shop.person, actor=shop.person)
    launching.start_now(Campaign.objects.get(pk=draft.pk), actor=shop.person)
    ticks.advance()
    assert reached(mailing) == {"drop2", "vanish"}

    _arrived(sent, "drop2")
    world.run(send_thread, world.ended(mailing))

    assert counts(mailing).excluded == {"settled": 1}
    assert Message.objects.get(mailing=mailing, rcpt__startswith="drop2").cause == "settled"
    assert got(smtp_server) == {"drop1": 1, "drop2": 1, "vanish": 1}


def test_who_got_it_from_one_draft_does_not_get_it_from_the_next(
    send_to: Callable[..., Campaign], shop: Shop, smtp_server: Receiver, send_thread: SendThread
) -> None:
    sent = send_to(["full", "fine"])
    sent_out(draft_for(sent, "failed", "mailbox_full"), shop, send_thread)
    assert [line.reason for line in audience.funnel(draft_for(sent, "failed")).lines] == ["settled"]
    assert got(smtp_server) == {"full": 1, "fine": 1}


def test_pressed_twice_there_is_one_draft_and_a_deleted_one_makes_way(
    send_to: Callable[..., Campaign], shop: Shop, sender: Client
) -> None:
    sent = send_to(["drop", "gone"])
    first = _pressed(sender, sent, "unknown")
    assert _pressed(sender, sent, "unknown") == first
    assert _pressed(sender, sent, "failed") != first
    assert AuditEntry.objects.filter(action="campaign.again", workspace=shop.workspace).count() == 2

    sender.post(reverse("campaigns:delete", args=[first]))
    ticks.advance()
    assert not PeopleSet.objects.filter(state=MessageState.UNCERTAIN).exists() and PeopleSetMember.objects.count() == 1
    assert _pressed(sender, sent, "unknown") != first


def test_many_are_gathered_in_slices_and_a_slice_that_is_cut_off_loses_nobody(
    send_to: Callable[..., Campaign], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send_to(f"gone{n}" for n in range(25))
    assert sent.mailing
    made = PeopleSet.objects.create(mailing=sent.mailing, state=MessageState.FAILED)
    assert people_sets.gather(made.pk, 10)
    with pytest.raises(KeyboardInterrupt):
        _cut_off(made, monkeypatch)
    assert PeopleSetMember.objects.count() == 10
    assert people_sets.gather(made.pk, 10) and not people_sets.gather(made.pk, 10)
    made.refresh_from_db()
    assert (made.people, made.causes, PeopleSetMember.objects.count()) == (25, {"no_such_user": 25}, 25)
    assert made.gathered_at and not people_sets.gather(made.pk, 10)


def _cut_off(made: PeopleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its people and its cursor."""

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PeopleSet, "save", killed)
        people_sets.gather(made.pk, 10)


def test_nothing_goes_out_before_all_are_known(send_to: Callable[..., Campaign], shop: Shop) -> None:
    sent = send_to(["drop"])
    draft = draft_for(sent, "unknown")
    PeopleSet.objects.update(gathered_at=None)
    draft.refresh_from_db()
    draft.people_set.refresh_from_db()  # type: ignore[union-attr]
    assert [check.title for check in preflight.check(draft).stops] == ["These people are still being gathered"]
    launching.schedule(draft, by=shop.person, actor=shop.person)
    launching.start_now(Campaign.objects.get(pk=draft.pk), actor=shop.person)
    assert ticks.start_due() == 0
    ticks.advance()
    ticks.advance()
    assert reached(Mailing.objects.latest("pk")) == {"drop"}


def test_whom_it_goes_to_cannot_be_changed_and_a_copy_goes_to_lists(
    send_to: Callable[..., Campaign], shop: Shop, sender: Client
) -> None:
    draft = draft_for(send_to(["drop"]), "unknown")
    url = reverse("campaigns:audience", args=[draft.pk])
    assert "1 person was chosen." in sender.get(url).content.decode()
    sender.post(url, {"include": [shop.list.pk], "version": draft.version})
    assert "was decided when it was made" in sender.get(url).content.decode()
    with pytest.raises(editing.FixedAudience):
        editing.save(draft, draft.version, {"exclude_lists": []}, None)
    assert editing.duplicate(draft, None).people_set is None


@pytest.mark.parametrize(("role", "offered"), [(Role.AUTHOR, True), (Role.VIEWER, False)])
def test_it_is_offered_to_those_who_may_write(
    send_to: Callable[..., Campaign], shop: Shop, role: Role, offered: bool
) -> None:
    sent = send_to(["drop", "fine"])
    client = Client()
    person = make_member(shop.workspace, role, email="other@example.com")
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    people = reverse("delivery:people", args=[sent.mailing_id])
    assert ("Send again to these" in client.get(people, {"outcome": "unknown"}).content.decode()) == offered
    assert "Send again to these" not in client.get(people, {"outcome": "delivered"}).content.decode()
    assert client.post(reverse("campaigns:again", args=[sent.pk]), {"outcome": "unknown"}).status_code == (
        302 if offered else 403
    )


def test_there_must_be_somebody(send_to: Callable[..., Campaign], shop: Shop, sender: Client) -> None:
    sent = send_to(["fine"])
    with pytest.raises(again.Nobody):
        again.choose(sent, "failed", by=None)
    with pytest.raises(again.NotSent):
        again.choose(editing.create(shop.workspace, None), "failed", by=None)
    url = reverse("campaigns:again", args=[sent.pk])
    assert sender.post(url, {"outcome": "failed"}).status_code == 302
    assert sender.post(url, {"outcome": "delivered"}).status_code == 404
    assert Campaign.objects.count() == 2 and not PeopleSet.objects.exists()


def _pressed(sender: Client, sent: Campaign, outcome: str) -> int:
    """The draft that the button leads to."""
    answer = sender.post(reverse("campaigns:again", args=[sent.pk]), {"outcome": outcome})
    assert answer.status_code == 302
    return int(answer.headers["Location"].split("/")[-2])


def _arrived(sent: Campaign, name: str) -> None:
    """A late answer of their server."""
    message = Message.objects.get(mailing=sent.mailing, rcpt__startswith=name)
    settle([Outcome(message.pk, MessageState.DELIVERED)], mailing=message.mailing_id, lane="all", site=None)
