"""Who may be written to: what people and members can change, and what they cannot."""

from __future__ import annotations

import pytest

from accounts.models import User, Workspace
from contacts import subscriptions
from contacts.models import ConsentRecord, Contact, List, Subscription, Suppression

Reason = Suppression.Reason


def state(contact: Contact, of: List) -> str:
    return Subscription.objects.get(contact=contact, list=of).state


def actions(contact: Contact) -> list[str]:
    return list(contact.consents.order_by("id").values_list("action", flat=True))


def test_leaving_one_list_leaves_the_others(hanako: Contact, news: List, tea_club: List) -> None:
    subscriptions.subscribe(hanako, [news, tea_club], source="page", statement="Signed up at the shop")
    assert subscriptions.unsubscribe(hanako, [news], source="one-click", mailing_ref="7")
    assert (state(hanako, news), state(hanako, tea_club)) == ("unsubscribed", "subscribed")
    record = ConsentRecord.objects.latest("id")
    assert (record.action, record.list, record.source, record.mailing_ref) == ("unsubscribed", news, "one-click", "7")
    assert not Suppression.objects.covers(hanako.workspace_id, hanako.address)


def test_leaving_twice_changes_and_records_once(hanako: Contact, news: List) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    assert subscriptions.unsubscribe(hanako, [news], source="link")
    assert not subscriptions.unsubscribe(hanako, [news], source="link")
    assert actions(hanako) == ["subscribed", "unsubscribed"]


def test_nobody_else_puts_a_person_back_on_a_list_they_left(hanako: Contact, news: List) -> None:
    subscriptions.unsubscribe(hanako, [news], source="link")
    assert not subscriptions.subscribe(hanako, [news], source="import")
    assert state(hanako, news) == "unsubscribed"


def test_the_person_comes_back_by_their_own_act(hanako: Contact, news: List) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    subscriptions.unsubscribe(hanako, source="link")
    assert Suppression.objects.covers(hanako.workspace_id, "HANAKO@docomo.example")
    assert subscriptions.resubscribe(hanako, [news], source="preferences")
    assert not Suppression.objects.covers(hanako.workspace_id, hanako.address)
    assert state(hanako, news) == "subscribed"
    assert actions(hanako) == ["subscribed", "unsubscribed", "stopped", "released", "resubscribed"]


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.UNSUBSCRIBED, Reason.ERASED])
def test_a_member_cannot_lift_what_the_person_did(workspace: Workspace, reason: str) -> None:
    subscriptions.suppress(workspace, "a@mail.example", reason, source="loop")
    assert not subscriptions.release(workspace, "a@mail.example", note="They phoned")
    assert Suppression.objects.covers(workspace, "a@mail.example")


@pytest.mark.parametrize("reason", [Reason.NO_SUCH_USER, Reason.REFUSED, Reason.FULL, Reason.MANUAL])
def test_a_member_lifts_the_rest_with_proof_and_the_row_stays(workspace: Workspace, member: User, reason: str) -> None:
    subscriptions.suppress(workspace, "a@mail.example", reason, source="reply")
    assert subscriptions.release(workspace, "a@mail.example", note="Typed it again", actor=member)
    assert not subscriptions.release(workspace, "a@mail.example", note="again", actor=member)
    row = Suppression.objects.get()
    assert (row.release_note, row.released_by, row.released_at is not None) == ("Typed it again", member, True)
    assert subscriptions.suppress(workspace, "a@mail.example", reason, source="reply")
    assert Suppression.objects.count() == 2


def test_a_graver_reason_replaces_a_lighter_one_and_not_the_reverse(workspace: Workspace) -> None:
    assert subscriptions.suppress(workspace, "a@mail.example", Reason.MANUAL, source="page")
    assert subscriptions.suppress(workspace, "a@mail.example", Reason.COMPLAINT, source="loop")
    assert not subscriptions.suppress(workspace, "a@mail.example", Reason.FULL, source="reply")
    assert Suppression.objects.get().reason == Reason.COMPLAINT


def test_stopping_an_address_is_on_the_record_of_its_contact(hanako: Contact, workspace: Workspace) -> None:
    detail = {"reply": "550 5.1.1 no such user"}
    subscriptions.suppress(workspace, hanako.address_key, Reason.NO_SUCH_USER, source="reply", detail=detail)
    record = hanako.consents.get()
    assert (record.action, record.detail) == ("stopped", detail | {"reason": "no_such_user"})


def test_a_stop_in_one_workspace_is_none_in_another(workspace: Workspace, other_workspace: Workspace) -> None:
    subscriptions.suppress(workspace, "a@mail.example", Reason.MANUAL, source="page")
    assert not Suppression.objects.covers(other_workspace, "a@mail.example")


def test_preferences_show_public_lists_and_take_the_choice(
    hanako: Contact, news: List, tea_club: List, other_workspace: Workspace
) -> None:
    hidden = List.objects.create(workspace=hanako.workspace, name="Internal", list_id_label="internal", public=False)
    foreign = List.objects.create(workspace=other_workspace, name="Foreign", list_id_label="foreign")
    subscriptions.subscribe(hanako, [news, hidden], source="page")
    shown = [(choice.list.name, choice.subscribed) for choice in subscriptions.preferences(hanako).choices]
    assert shown == [("News", True), ("Tea club", False)]

    assert subscriptions.set_preferences(hanako, [tea_club.pk, foreign.pk, hidden.pk], source="preferences")
    assert (state(hanako, news), state(hanako, tea_club)) == ("unsubscribed", "subscribed")
    assert state(hanako, hidden) == "subscribed"
    assert not Subscription.objects.filter(list=foreign).exists()
    assert not subscriptions.set_preferences(hanako, [tea_club.pk], source="preferences")
