"""One person's page: what is changed, stopped, released and erased on it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Workspace
from contacts import counts, standing, subscriptions
from contacts.models import Contact, Field, List, Suppression
from tests.contacts.pages import actions, get, post, text_of


def test_adding_a_person_with_a_list_needs_the_consent(client: Client, news: List) -> None:
    Field.objects.create(workspace=news.workspace, key="joined", label="Joined", kind="date")
    form = {"address": "a..b@docomo.ne.jp", "last_name": "佐藤", "lists": news.pk, "field_joined": "2024/03/18"}
    refused = post(client, "new", **form)
    assert refused.status_code == 422 and "Say where the consent comes from." in text_of(refused)
    page = text_of(post(client, "new", **form, statement="Asked for it by phone"))
    assert "a..b@docomo.ne.jp" in page and "Asked for it by phone" in page and "2024-03-18" in page
    assert "This person is here already." in text_of(post(client, "new", address="A..B@docomo.ne.jp"))
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", "a@b.jp\r\nRCPT TO:<x@y.jp>", "line break or another control character"),
        ("address", "nobody", "The address has no @."),
        ("first_name", "Ken\r\nBcc: x@y.jp", "line break or control character at position 4"),
        ("last_name", "Sa\0to", "ull characters are not allowed"),
        ("tags", "a\nb", "line break or control character at position 2"),
        ("tags", "VIP, " + "long" * 1400, "A tag has at most 200 characters."),
        ("field_rank", "9" * 20, "This is not a number."),
    ],
)
def test_what_cannot_be_a_persons_value_is_named_and_kept_out(
    client: Client, workspace: Workspace, field: str, value: str, words: str
) -> None:
    Field.objects.create(workspace=workspace, key="rank", label="Rank", kind="number")
    answer = post(client, "new", **{"address": "ken@mail.example", field: value})
    assert answer.status_code == 422 and words in text_of(answer)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("reason", "goes_along"),
    [("complaint", True), ("unsubscribed", True), ("manual", True), ("no_such_user", False), ("full", False)],
)
def test_a_new_address_lifts_what_was_the_mailboxs_and_not_what_was_the_persons(
    client: Client, hanako: Contact, news: List, reason: str, goes_along: bool
) -> None:
    workspace, old = hanako.workspace, hanako.address_key
    subscriptions.subscribe(hanako, [news], source="page")
    subscriptions.suppress(workspace, old, reason, source="page", note="They phoned")
    Suppression.objects.update(created_at="2026-03-01T09:00Z")
    page = get(client, "edit", hanako.pk)
    assert "This address is stopped" in page and ("the stop goes with the person" in page) == goes_along
    post(client, "edit", hanako.pk, address="hanako@new.example")
    page = get(client, "contact", hanako.pk)
    hanako.refresh_from_db()
    assert standing.of_one(hanako).mailable != goes_along
    assert ("Nothing stops mail to this address." in page) != goes_along
    assert "An earlier address, Hanako@docomo.example, is stopped:" in page
    assert Suppression.objects.covers(workspace, old)
    moved = Suppression.objects.filter(address_key="hanako@new.example").values_list(
        "reason", "note", "created_at__month"
    )
    assert list(moved) == ([(reason, "They phoned", 3)] if goes_along else [])
    assert ("with the person, from their earlier address" in page) == goes_along


def test_a_complaint_at_an_earlier_address_ends_by_the_persons_own_act_only(
    client: Client, hanako: Contact, news: List
) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    subscriptions.suppress(hanako.workspace, hanako.address_key, "complaint", source="loop")
    post(client, "edit", hanako.pk, address="hanako@new.example")
    post(client, "edit", hanako.pk, address="hanako@newer.example")
    hanako.refresh_from_db()
    assert not subscriptions.release(hanako.workspace, hanako.address_key, note="They phoned")
    assert not standing.of_one(hanako).mailable
    subscriptions.resubscribe(hanako, [news], source="preferences")
    assert not standing.of_one(hanako).mailable, "who has the link of a letter may be somebody else"
    assert subscriptions.resubscribe(hanako, [news], source="confirmation", confirmed=True)
    assert standing.of_one(hanako).mailable


def test_editing_writes_the_history_with_old_and_new(client: Client, hanako: Contact) -> None:
    values = {
        "address": "hanako@new.example",
        "first_name": "花",
        "last_name": "山田",
        "tags": "VIP、tea",
        "language": "ja",
    }
    page = text_of(post(client, "edit", hanako.pk, **values))
    assert "花子 → 花" in page and "Hanako@docomo.example → hanako@new.example" in page
    hanako.refresh_from_db()
    assert (hanako.address_key, hanako.tags) == ("hanako@new.example", ["VIP", "tea"])
    other = Contact.objects.create(workspace=hanako.workspace, address="k@m.jp", address_key="k@m.jp", domain="m.jp")
    refused = post(client, "edit", hanako.pk, **{**values, "address": "K@m.jp"})
    assert refused.status_code == 422 and "k@m.jp has this address already." in text_of(refused)
    assert other.changes.count() == 0


def test_stopping_all_mail_says_why_and_stays_until_released(client: Client, hanako: Contact, news: List) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    assert "Nothing stops mail to this address." in get(client, "contact", hanako.pk)
    page = text_of(post(client, "stop", hanako.pk, note="She wrote to us"))
    assert "Somebody of your team stopped all mail" in page and "She wrote to us" in page
    row = Suppression.objects.get()
    assert "Mail may go to hanako@docomo.example again." in text_of(
        post(client, "suppression_release", row.pk, note="She asked for it again")
    )
    assert actions() == ["contact.stopped", "suppression.released"]


def test_editing_keeps_a_language_that_only_an_import_brings(client: Client, hanako: Contact) -> None:
    Contact.objects.update(language="de")
    assert '<option value="de" selected>de</option>' in get(client, "edit", hanako.pk)
    post(client, "edit", hanako.pk, address=hanako.address, first_name="花", language="de")
    hanako.refresh_from_db()
    assert (hanako.first_name, hanako.language) == ("花", "de")
    assert post(client, "edit", hanako.pk, address=hanako.address, language="fr").status_code == 422


@pytest.mark.parametrize(
    ("note", "why"), [("He\ncalled", "control character at position 3"), ("x" * 501, "at most 500 characters")]
)
@pytest.mark.parametrize("act", ["stop", "join"])
def test_a_note_that_cannot_be_kept_changes_nothing_and_says_why(
    client: Client, hanako: Contact, news: List, act: str, note: str, why: str
) -> None:
    page = text_of(post(client, act, hanako.pk, list=news.pk, note=note))
    assert "Nothing was changed: " in page and why in page
    assert not Suppression.objects.exists() and not hanako.subscriptions.exists() and actions() == []


def test_a_list_needs_the_consent_in_words(client: Client, hanako: Contact, news: List) -> None:
    page = text_of(post(client, "join", hanako.pk, list=news.pk, note=" "))
    assert "Nothing was changed: Say where the consent comes from." in page
    assert not hanako.subscriptions.exists()


def test_what_a_person_did_cannot_be_released(client: Client, hanako: Contact) -> None:
    subscriptions.unsubscribe(hanako, source="link")
    row = Suppression.objects.get()
    page = get(client, "contact", hanako.pk)
    assert "Only the person can change this" in page and "Release…" not in page
    assert "Only the person can take this back" in get(client, "suppression_release", row.pk)
    answer = text_of(post(client, "suppression_release", row.pk, note="please"))
    assert "Nothing was released" in answer
    row.refresh_from_db()
    assert row.released_at is None


def test_a_stopped_address_leads_to_the_message_that_stopped_it(client: Client, workspace: Workspace) -> None:
    for address, detail in (
        ("gone@docomo.example", {"message": 7, "reply": "550 5.1.1 <b>no</b>"}),
        ("a@b.example", {}),
    ):
        subscriptions.suppress(workspace, address, "no_such_user", source="bounce", detail=detail)
    page = get(client, "suppressions")
    assert page.count('href="/messages/7"') == page.count("See the message") == 1
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    (row,) = Suppression.objects.filter(address_key="gone@docomo.example")
    assert 'href="/messages/7"' in get(client, "suppression_release", row.pk)


def test_erasing_forgets_everything_but_the_stop(client: Client, hanako: Contact, news: List) -> None:
    subscriptions.subscribe(hanako, [news], source="page")
    post(client, "edit", hanako.pk, address="hanako@docomo.example", first_name="花", last_name="山田")
    assert "Nothing was erased" in text_of(post(client, "erase", hanako.pk, typed="someone else"))
    page = text_of(post(client, "erase", hanako.pk, typed="hanako@docomo.example"))
    assert "Erased person" in page and "花" not in page
    hanako.refresh_from_db()
    assert not hanako.changes.exists() and not hanako.consents.exists() and not hanako.subscriptions.exists()
    assert Suppression.objects.covers(hanako.workspace, "hanako@docomo.example")
    assert counts.people(hanako.workspace) == counts.People(0, 0)
    assert post(client, "edit", hanako.pk, address="x@y.jp").redirect_chain


def test_editing_a_person_keeps_a_choice_that_was_taken_away(client: Client, hanako: Contact) -> None:
    post(client, "fields", label="Rank", kind="choice", choices="gold\nsilver")
    post(client, "edit", hanako.pk, address=hanako.address, field_rank="gold")
    field = Field.objects.get()
    post(client, "field", field.pk, label="Rank", choices="silver")
    assert '<option value="gold" selected>gold</option>' in get(client, "edit", hanako.pk)
    post(client, "edit", hanako.pk, address=hanako.address, field_rank="gold", first_name="Hana")
    hanako.refresh_from_db()
    assert (hanako.first_name, hanako.fields) == ("Hana", {"rank": "gold"})
    field.refresh_from_db()
    assert field.choices == ["silver"]
    assert post(client, "edit", hanako.pk, address=hanako.address, field_rank="bronze").status_code == 422
