"""What only a person may decide, decided by a program: the held, the unknown, how long to try, whom to forget."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import AuditEntry
from contacts.models import Contact
from delivery import mailings
from delivery.models import Mailing, Message, MessageState, Run
from delivery.queue import ticks
from delivery.queue.outcomes import Outcome
from delivery.queue.settle import settle
from tests.api.caller import Caller, fields_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api: Caller, draft: int) -> int:
    """Of its three people two are held, and of the third nobody knows."""
    api.post(f"/campaigns/{draft}/launch")
    api.post(f"/campaigns/{draft}/start")
    ticks.advance()
    mailing = Mailing.objects.get()
    ids = [message.pk for message in mailing.messages.order_by("pk")]
    states = (MessageState.HELD, MessageState.HELD, MessageState.UNCERTAIN)
    Run.objects.update(cursor=max(ids) + 1)
    outcomes = [Outcome(message, state, "render_error") for message, state in zip(ids, states, strict=True)]
    settle(outcomes, mailing=mailing.pk, lane="all", site=None)
    return draft


def counts(answer: Any) -> dict[str, int]:
    return {name: n for name, n in answer["counts"].items() if n and name in ("held", "unknown", "waiting", "not_sent")}


def test_who_was_held_is_tried_again_once(api: Caller, sent: int) -> None:
    first = api.call("POST", f"/campaigns/{sent}/release-held", key="k")
    assert (first.status_code, first.json()["people"]) == (202, 2)
    assert counts(first.json()) == {"unknown": 1, "waiting": 2}
    again = api.call("POST", f"/campaigns/{sent}/release-held", key="k")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert api.post(f"/campaigns/{sent}/release-held")["people"] == 0
    assert AuditEntry.objects.get(action="mailing.release").actor_label == "Shop"


def test_who_was_held_is_left_out(api: Caller, sent: int) -> None:
    assert counts(api.post(f"/campaigns/{sent}/drop-held")) == {"unknown": 1, "not_sent": 2}
    assert api.post(f"/campaigns/{sent}/drop-held")["people"] == 0


def test_a_draft_goes_again_to_just_the_unknown(api: Caller, sent: int) -> None:
    these = {"outcome": "unknown"}
    first = api.post(f"/campaigns/{sent}/send-again", these)
    assert (first["status"], first["name"]) == ("draft", "Autumn (again: unknown)")
    assert {name: first["again"][name] for name in ("campaign", "outcome", "cause", "people", "whole")} == {
        "campaign": sent, "outcome": "unknown", "cause": "", "people": 1, "whole": True,
    }  # fmt: skip
    assert [cause["prospect"] for cause in first["again"]["causes"]] == ["twice"]
    assert api.post(f"/campaigns/{sent}/send-again", these)["id"] == first["id"]
    assert api.get(f"/campaigns/{sent}")["again"] is None
    assert api.get(f"/campaigns/{first['id']}/audience")["receiving"] == 1
    api.post(f"/campaigns/{first['id']}/launch")
    assert Mailing.objects.latest("pk").people_set_id


def test_whom_a_draft_goes_to_again_stays(api: Caller, sent: int) -> None:
    draft = api.post(f"/campaigns/{sent}/send-again", {"outcome": "unknown"})
    change = {"include_lists": [], "version": draft["version"]}
    assert api.call("PATCH", f"/campaigns/{draft['id']}", change).status_code == 409
    change = {"subject": "Once more", "version": draft["version"]}
    assert api.call("PATCH", f"/campaigns/{draft['id']}", change).status_code == 200
    assert api.call("POST", f"/campaigns/{sent}/send-again", {"outcome": "failed"}).status_code == 409
    wrong = api.call("POST", f"/campaigns/{sent}/send-again", {"outcome": "delivered"})
    assert (wrong.status_code, fields_of(wrong)) == (422, {"outcome"})


def test_a_stopped_campaign_sends_to_nobody_again(api: Caller, sent: int) -> None:
    api.post(f"/campaigns/{sent}/stop")
    assert api.post(f"/campaigns/{sent}/release-held")["people"] == 0
    assert counts(api.post(f"/campaigns/{sent}/drop-held")) == {"unknown": 1, "not_sent": 2}
    ticks.advance()
    assert Mailing.objects.get().finished_at and not Message.objects.filter(state=MessageState.QUEUED).exists()


def test_a_draft_has_nobody_to_decide_about(api: Caller, draft: int) -> None:
    for verb in ("release-held", "drop-held"):
        answer = api.post(f"/campaigns/{draft}/{verb}")
        assert (answer["people"], answer["counts"]) == (0, None)
    assert api.call("POST", f"/campaigns/{draft}/send-again", {"outcome": "failed"}).status_code == 409


def test_a_campaign_gives_up_when_it_is_told_to(api: Caller, draft: int) -> None:
    assert api.get(f"/campaigns/{draft}")["give_up_hours"] == 72
    for bad in (0, 73, -1, 24.5, "a", None):
        answer = api.call("PATCH", f"/campaigns/{draft}", {"give_up_hours": bad, "version": 2})
        assert (answer.status_code, fields_of(answer)) == (422, {"give_up_hours"})
    changed = api.call("PATCH", f"/campaigns/{draft}", {"give_up_hours": 24, "version": 2}).json()
    assert (changed["give_up_hours"], changed["subject"] != "") == (24, True)
    assert api.call("PATCH", f"/campaigns/{draft}", {"name": "B", "version": 3}).json()["give_up_hours"] == 24
    assert api.post(f"/campaigns/{draft}/duplicate")["give_up_hours"] == 24
    api.post(f"/campaigns/{draft}/launch")
    assert Mailing.objects.get().give_up_after.total_seconds() == 24 * 3600
    assert mailings.give_up_at(Mailing.objects.get()) is None


def test_a_person_is_forgotten(api: Caller, people: int) -> None:
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    wrong = api.call("POST", f"/contacts/{ken}/erase", {"address": "hanako@mail.example"})
    assert (wrong.status_code, fields_of(wrong), Contact.objects.get(pk=ken).erased_at) == (422, {"address"}, None)
    assert api.call("POST", f"/contacts/{ken}/erase", {"address": "ken@mail.example"}).status_code == 204
    assert api.call("GET", f"/contacts/{ken}").status_code == 404
    assert api.call("POST", f"/contacts/{ken}/erase", {"address": "ken@mail.example"}).status_code == 404
    erased, stopped = Contact.objects.get(pk=ken), api.get("/suppressions?address=ken@mail.example")["items"][0]
    assert (erased.address, erased.first_name, stopped["reason"]) == ("", "", "erased")
    entry = AuditEntry.objects.get(action="contact.erased")
    assert (entry.label, entry.api_key is not None) == (f"#{ken}", True)
