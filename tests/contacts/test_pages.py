"""The pages of people, lists and fields, as people use them: what they see, what a click does, what is refused."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Workspace
from contacts import counts, importing, sample, search, standing, subscriptions
from contacts.models import Bulk, Contact, Field, List
from tests.contacts.pages import actions, get, post, sign_in, text_of, work


def test_an_empty_workspace_invites_and_loads_the_sample(client: Client, workspace: Workspace) -> None:
    assert "Bring your people" in get(client, "list")
    page = text_of(post(client, "sample_load"))
    assert "500 sample people are here" in page and "<b>500</b> people" in page
    page = text_of(post(client, "sample_remove"))
    assert "500 sample people were removed" in page
    assert actions() == ["contacts.sample_loaded", "contacts.sample_removed"]


def test_people_are_found_by_words_list_tag_and_state(client: Client, workspace: Workspace, hanako: Contact) -> None:
    sample.load(workspace)
    vip = Contact.objects.filter(tags=["VIP"]).count()
    for query, expected in [
        ({"q": "hanako@docomo.example"}, 1),
        ({"q": "山田 花子"}, Contact.objects.filter(last_name="山田", first_name="花子").count()),
        ({"tag": "VIP"}, vip),
        ({"list": str(List.objects.get().pk)}, 500),
        ({"state": "no_list"}, 1),
        ({"state": "stopped"}, 1),
        ({"state": "mailable"}, 500),
        ({"state": "left"}, 0),
        ({"q": "nobody-at-all"}, 0),
        ({"list": "x", "state": "x", "before": "x"}, 501),
    ]:
        page = get(client, "list", **query)
        assert (f"All {expected} " in page) if expected else ("Nobody matches." in page), query


@pytest.mark.parametrize(
    ("takes", "leaves", "stopped", "state", "found_by"),
    [
        (1, 0, "", "yes", {"mailable"}),
        (1, 1, "", "yes", {"mailable", "left"}),
        (0, 2, "", "unsubscribed", {"stopped", "unsubscribed", "no_list", "left"}),
        (0, 0, "", "no_list", {"stopped", "no_list"}),
        (1, 0, "manual", "stopped", {"stopped", "manual"}),
        (0, 1, "complaint", "complained", {"stopped", "complaint", "no_list", "left"}),
    ],
)
def test_page_filter_export_and_list_say_the_same_of_who_can_be_mailed(
    client: Client, hanako: Contact, news: List, tea_club: List, takes: int, leaves: int, stopped: str, state: str,
    found_by: set[str],
) -> None:  # fmt: skip
    lists = [news, tea_club]
    subscriptions.subscribe(hanako, lists[: takes + leaves], source="page")
    subscriptions.unsubscribe(hanako, lists[:leaves], source="link")
    if stopped:
        subscriptions.suppress(hanako.workspace, hanako.address_key, stopped, source="page")
    mailable = state == "yes"
    assert standing.of_one(hanako).state == state
    assert ("Nothing stops mail to this address." in get(client, "contact", hanako.pk)) == mailable
    assert client.get(reverse("contacts:list")).context["rows"][0]["standing"].state == state
    (row,) = csv.DictReader(io.StringIO(get(client, "export", plain="1")))
    assert row["can_be_mailed"] == ("yes" if mailable else "no")
    found = {name for name in search.STATES if "All 1 " in get(client, "list", state=name)}
    assert found == found_by


def test_pages_follow_one_another(client: Client, workspace: Workspace) -> None:
    sample.load(workspace)
    first = client.get(reverse("contacts:list"))
    seen = [row["contact"].pk for row in first.context["rows"]]
    older = client.get(reverse("contacts:list") + first.context["page"].older)
    seen += [row["contact"].pk for row in older.context["rows"]]
    assert len(set(seen)) == 100 and seen == sorted(seen, reverse=True)
    back = client.get(reverse("contacts:list") + older.context["page"].newer)
    assert [row["contact"].pk for row in back.context["rows"]] == seen[:50]


def test_many_people_are_tagged_listed_and_stopped_with_a_way_back(
    client: Client, workspace: Workspace, news: List, hanako: Contact
) -> None:
    sample.load(workspace)
    subscriptions.unsubscribe(hanako, [news], source="link")
    page = text_of(post(client, "bulk", all="1", action="tag", new_tag="autumn"))
    assert "<b>501</b> people now have the tag “autumn”." in page
    assert "Taken back." in text_of(post(client, "bulk_undo", Bulk.objects.latest("pk").pk))
    assert not Contact.objects.filter(tags__contains=["autumn"]).exists()

    page = text_of(post(client, "bulk", all="1", action="list", to_list=news.pk))
    assert "<b>500</b> people are now on “News”." in page  # hanako had left it
    post(client, "bulk_undo", Bulk.objects.latest("pk").pk)
    assert counts.members(workspace, [news.pk])[news.pk] == counts.Members(0, 1)

    post(client, "bulk", all="1", action="stop", tag="VIP")
    assert counts.people(workspace).stopped == Contact.objects.filter(tags=["VIP"]).count() > 0
    post(client, "bulk_undo", Bulk.objects.latest("pk").pk)
    assert counts.people(workspace).stopped == 0

    page = text_of(post(client, "bulk", contact=[hanako.pk], action="stop"))
    assert "No mail goes to <b>1</b> person any more." in page
    assert "Nothing was changed" in text_of(post(client, "bulk", action="stop"))


@pytest.mark.parametrize(
    ("tag", "why"), [("a\nb", "control character at position 2"), ("x" * 5300, "at most 200 characters")]
)
def test_a_tag_for_many_people_is_refused_with_the_reason(client: Client, hanako: Contact, tag: str, why: str) -> None:
    page = text_of(post(client, "bulk", contact=[hanako.pk], action="tag", new_tag=tag))
    assert "Nothing was changed: " in page and why in page
    assert not Bulk.objects.exists()


def test_the_export_is_safe_for_spreadsheets_and_comes_back_the_same(client: Client, workspace: Workspace) -> None:
    cells = ["=1+1", "+81 3 1234", "-1", "@x", "＝1", "plain", "'quoted"]
    Field.objects.create(workspace=workspace, key="note", label="Note", kind="text")
    for number, cell in enumerate(cells):
        post(client, "new", address=f"p{number}@mail.example", field_note=cell)
    exported = get(client, "export")
    found = {row["email"]: row["note"] for row in csv.DictReader(io.StringIO(exported.removeprefix("\ufeff")))}
    assert list(found.values()) == ["'=1+1", "'+81 3 1234", "'-1", "'@x", "'＝1", "plain", "'quoted"]
    plain = get(client, "export", plain="1")
    assert [row["note"] for row in csv.DictReader(io.StringIO(plain))] == cells

    assert brought_back(workspace, exported) == {"unchanged": len(cells)}


def brought_back(workspace: Workspace, exported: str) -> dict[str, int]:
    """What the dry run of our own export finds."""
    row = importing.receive(workspace, "again.csv", [exported.encode()], None)
    importing.decide(row, row.mapping, importing.Options())
    return {name: count for name, count in work(row).estimate.items() if count}


def test_addresses_that_look_like_formulas_come_back_as_the_same_people(client: Client, workspace: Workspace) -> None:
    addresses = ["=cmd@q.jp", "+81@q.jp", "-x@q.jp"]
    for address in addresses:
        post(client, "new", address=address)
    exported = get(client, "export")
    found = [row["email"] for row in csv.DictReader(io.StringIO(exported.removeprefix("\ufeff")))]
    assert found == [f"'{address}" for address in addresses]
    assert brought_back(workspace, exported) == {"unchanged": len(addresses)}


def test_values_of_a_deleted_field_come_back_in_one_of_their_kind_only(
    client: Client, workspace: Workspace, hanako: Contact
) -> None:
    """A date that holds a number would break every letter and form that reads it."""
    post(client, "fields", label="Points", kind="number")
    post(client, "edit", hanako.pk, address=hanako.address, field_points="150")
    for kind, key in (("date", "points_1"), ("text", "points_1"), ("boolean", "points_1"), ("number", "points")):
        Field.objects.all().delete()
        post(client, "fields", label="Points", kind=kind)
        assert Field.objects.get().key == key
    assert "150" in get(client, "contact", hanako.pk)
    Field.objects.all().delete()
    imported = importing.receive(workspace, "a.csv", [b"email,points\nken@mail.example,2026-11-24\n"], None)
    importing.decide(imported, ["address", "new:date"], importing.Options())
    work(imported)
    imported.refresh_from_db()
    importing.confirm(imported, None)
    work(imported)
    assert Contact.objects.get(address_key="ken@mail.example").fields == {"points_1": "2026-11-24"}


def test_lists_and_fields_are_made_changed_and_deleted(client: Client, workspace: Workspace, hanako: Contact) -> None:
    post(client, "lists", name="秋の便り", public="on")
    news = List.objects.get()
    assert news.list_id_label == "list"
    assert "Another list has this name." in text_of(post(client, "lists", name="秋の便り"))
    post(client, "one_list", news.pk, name="Autumn", public_name="Autumn letter")
    subscriptions.subscribe(hanako, [news], source="page")
    assert "Nothing was deleted" in text_of(post(client, "list_delete", news.pk))
    assert "is deleted" in text_of(post(client, "list_delete", news.pk, typed="Autumn"))
    assert Contact.objects.get() == hanako

    assert "Write at least one choice." in text_of(post(client, "fields", label="Rank", kind="choice"))
    post(client, "fields", label="Rank", kind="choice", choices="Gold\nSilver\n")
    rank = Field.objects.get()
    assert (rank.key, rank.choices) == ("rank", ["Gold", "Silver"])
    post(client, "field", rank.pk, label="Rank", kind="text", choices="Gold")
    rank.refresh_from_db()
    assert (rank.kind, rank.choices) == ("choice", ["Gold"])
    post(client, "field_delete", rank.pk)
    assert not Field.objects.exists()


def test_a_viewer_sees_people_and_changes_nothing(workspace: Workspace, hanako: Contact, news: List) -> None:
    viewer = sign_in(workspace, Role.VIEWER)
    subscriptions.suppress(workspace, "a@mail.example", "full", source="reply")
    for name, args in [
        ("list", []),
        ("contact", [hanako.pk]),
        ("lists", []),
        ("one_list", [news.pk]),
        ("fields", []),
        ("imports", []),
        ("suppressions", []),
    ]:
        page = get(viewer, name, *args)
        main = page[page.index("<main") :]
        assert 'method="post"' not in main and "data-dialog" not in main, name
    assert post(viewer, "stop", hanako.pk).status_code == 403
    assert viewer.get(reverse("contacts:export")).status_code == 403
