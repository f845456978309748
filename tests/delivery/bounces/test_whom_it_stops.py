"""What speaks against an address, and what does not: rehearsals, other people's mailboxes, queues of reports."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from contacts.models import Suppression
from delivery import furnishing, stopping, stops, tracking
from delivery.bounces import effects
from delivery.message_page import story
from delivery.models import AddressFailure, IncomingReport, Message, MessageState, Route
from delivery.own_causes import FAILED_ELSEWHERE
from delivery.tokens import WebToken
from tests.delivery.bounces.coming_back import OFF, arrive, bounce, stopped
from tests.delivery.bounces.mails import arf, dsn
from tests.delivery.queue import world

pytestmark = pytest.mark.django_db

Result, Deed = IncomingReport.Result, IncomingReport.Deed
SECOND = (
    "Final-Recipient: rfc822; gone@corp.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--=b\r\nContent-Type: text/rfc822-headers"
)


def test_what_comes_of_a_rehearsal_in_the_sandbox_is_shown_and_speaks_for_or_against_nobody() -> None:
    here = world.make()
    here.people(["p@example.net"])
    real, sandbox = here.route, furnishing.sandbox_route()

    def sent(route: Route) -> Message:
        here.route = route
        return world.told(world.expanded(here)[0].mailing)[0]

    row = bounce(sent(sandbox))
    assert (row.deeds, AddressFailure.objects.exists()) == ([Deed.BOUNCED], False)
    assert arrive(sent(sandbox), arf("p@example.net")).deeds == [Deed.COMPLAINED]
    assert not Suppression.objects.exists()

    bounce(sent(real), OFF)
    arrived = sent(sandbox)
    tracking.opened(WebToken(arrived.mailing_id, arrived.pk), "Mozilla/5.0")
    last = sent(real)
    bounce(last, OFF)
    assert stopped(last) == "inactive", "what the sandbox took proves no mailbox"


@pytest.mark.parametrize("action", ["delivered", "expanded"])
def test_who_got_it_is_not_stopped_for_the_others_of_the_same_report(action: str) -> None:
    here = world.make()
    here.people(["info@corp.example"])
    (message,) = world.told(world.expanded(here)[0].mailing)
    both = dsn(message.rcpt, "250 2.1.5 ok", action=action).decode()
    row = arrive(message, both.replace("--=b\r\nContent-Type: text/rfc822-headers", SECOND, 1).encode())
    assert [one["action"] for one in row.told] == [action, "failed"]
    message.refresh_from_db()
    assert (row.deeds, stopped(message), message.bounced_at) == ([], "", None)


def test_what_is_wrong_where_a_mail_was_passed_on_to_is_not_told_of_the_person() -> None:
    here = world.make()
    here.people(["p@example.net"])
    (message,) = world.told(world.expanded(here)[0].mailing)
    bounce(message, "550 5.1.2 Host or domain name not found", recipient="someone@dead.example")
    message.refresh_from_db()
    assert message.cause == FAILED_ELSEWHERE
    for language, words in (("en", "Passed on to another address"), ("ja", "転送先")):
        with override(language):
            told = story(message)
        assert told.explanation and words in told.explanation.title
        assert not any("@" in step.detail for step in told.steps), "what is after the @ of another one"


@pytest.mark.parametrize(
    ("raw", "recipient"),
    [
        (lambda to: dsn(to, "451 4.4.1 no answer from host", action="delayed"), "delayed"),
        (lambda to: arf(to, "not-spam"), "not spam"),
        (lambda to: arf(to, "auth-failure"), "failed check"),
    ],
)
def test_an_unknown_outcome_is_settled_by_reports_that_complain_of_nothing(raw, recipient) -> None:  # type: ignore[no-untyped-def]
    (message,) = world.told(world.sending(1), MessageState.UNCERTAIN)
    assert arrive(message, raw(message.rcpt)).deeds == [Deed.DELIVERED], recipient
    message.refresh_from_db()
    assert (message.state, stopped(message)) == (MessageState.DELIVERED, "")


def test_hundreds_of_reports_that_wait_do_not_keep_others_waiting() -> None:
    people = effects.SLICE + 2
    *waiting, settled = Message.objects.filter(mailing=world.sending(people)).order_by("pk")
    kept = [arrive(waiting[0], dsn(waiting[0].rcpt))]
    columns = {"kind": "bounce", "result": Result.WAITING, "told": kept[0].told}
    IncomingReport.objects.bulk_create(
        IncomingReport(inlet="listener", key=f"k{one.pk}", message_id=one.pk, mailing_id=one.mailing_id, **columns)
        for one in waiting[1:]
    )
    last = arrive(settled, dsn(settled.rcpt))
    Message.objects.filter(pk=settled.pk).update(state=MessageState.DELIVERED)
    effects.advance()
    last.refresh_from_db()
    assert (last.result, stopped(settled)) == (Result.DONE, "no_such_user")
    assert IncomingReport.objects.filter(result=Result.WAITING).count() == people - 1


def test_the_brake_holds_for_as_long_as_nobody_has_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "LEAST_STOPPED", 1)
    first, second, third, fourth = world.told(world.sending(4))
    workspace = first.mailing.workspace
    assert [bounce(one).deeds[-1] for one in (first, second)] == [Deed.STOPPED, Deed.HELD]
    AddressFailure.objects.update(at=timezone.now() - timedelta(hours=2))
    assert bounce(third).deeds == [Deed.BOUNCED, Deed.HELD], "an hour later"
    stopping.decide(workspace, stop=False, actor=None)
    assert bounce(fourth).deeds == [Deed.BOUNCED, Deed.STOPPED]


@pytest.mark.parametrize("state", [MessageState.UNCERTAIN, MessageState.DEFERRED])
def test_a_report_says_of_a_message_what_is_true_of_it(state: MessageState) -> None:
    """Of one that was still tried it was no unknown outcome that it settled."""
    (message,) = world.told(world.sending(1), state)
    row = bounce(message)
    IncomingReport.objects.update(received_at=timezone.now() - timedelta(minutes=16))
    effects.advance()
    row.refresh_from_db()
    assert [Deed(deed).label for deed in row.deeds] == ["Recorded as failed", "Mail to the address was stopped"]


def test_an_opt_out_at_the_provider_is_not_called_a_complaint() -> None:
    (message,) = world.told(world.sending(1))
    assert arrive(message, arf(message.rcpt, "opt-out")).named == "Unsubscribed at the provider"
    assert arrive(message, arf(message.rcpt)).named == "Complaint"
