"""The pages, as people use them: what they see, what a click does, what is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role, Workspace
from contacts import counts, importing, sample, search, standing, subscriptions
from contacts.models import Bulk, Contact, Field, Import, List, Suppression
from tests.factories import make_member

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return sign_in(workspace, Role.ADMIN)


def sign_in(workspace: Workspace, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(workspace, role), backend=BACKEND)
    return client


def get(client: Client, name: str, /, *args: int, **query: str) -> str:
    answer = client.get(reverse(f"contacts:{name}", args=args), query)
    assert answer.status_code == 200, answer
    return text_of(answer)


def text_of(answer: Any) -> str:
    content = answer.getvalue() if answer.streaming else answer.content
    return str(content.decode())


def post(client: Client, name: str, /, *args: int, **data: Any) -> Any:
    return client.post(reverse(f"contacts:{name}", args=args), data, follow=True)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def work(row: Import) -> Import:
    row.refresh_from_db()
    while importing.advance(row.job_id or 0):
        pass
    row.refresh_from_db()
    return row


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


def upload(client: Client, data: bytes, name: str = "autumn.csv") -> Any:
    return client.post(reverse("contacts:import"), {"file": SimpleUploadedFile(name, data)}, follow=True)


FILE = (
    "メールアドレス,氏名,会員ランク\r\nhanako@docomo.example,山田 花,金\r\nken@mail.example,佐藤 健,銀\r\nnobody,,\r\n"
)


def test_a_file_goes_through_four_screens_and_back(client: Client, workspace: Workspace, hanako: Contact) -> None:
    page = text_of(upload(client, FILE.encode("cp932")))
    assert "Shift_JIS (CP932)" in page and "佐藤 健" in page and "2 of the first 3 are valid." in page
    row = Import.objects.get()
    columns = {"column_0": "address", "column_1": "full_name", "column_2": "new:text"}
    page = text_of(post(client, "import_map", row.pk, **columns))
    assert "Consent and duplicates" in page
    page = text_of(
        post(
            client, "import_options", row.pk, new_list="秋", statement="店頭", update="yes", empty="keep", tags="autumn"
        )
    )
    work(row)
    page = get(client, "import_result", row.pk)
    assert "2 of 3 rows would be taken" in page and "Import 2 people" in page and "The address has no @." in page
    assert Contact.objects.count() == 1
    post(client, "import_confirm", row.pk)
    work(row)
    page = get(client, "import_result", row.pk)
    assert "2 of 3 rows were taken" in page and "Undo this import" in page
    assert Field.objects.get().label == "会員ランク"
    problems = get(client, "import_problems", row.pk)
    assert '"4","Invalid","The address has no @.","nobody,,"' in problems
    assert "autumn.csv, row 2" in get(client, "contact", hanako.pk)
    assert "autumn.csv" in get(client, "imports")
    post(client, "import_undo", row.pk)
    work(row)
    assert "1 people who came with this file were removed." in get(client, "import_result", row.pk)
    assert Contact.objects.get().first_name == "花子"


def test_utf_16_from_a_spreadsheet_comes_through_the_upload(client: Client) -> None:
    page = text_of(upload(client, FILE.replace(",", "\t").encode("utf-16")))
    assert "UTF-16" in page and "佐藤 健" in page and "2 of the first 3 are valid." in page


def test_a_nul_in_pasted_rows_is_named_with_its_line(client: Client) -> None:
    answer = post(client, "import", pasted="email\r\nken@mail.example\r\nana\0@mail.example\r\n")
    page = text_of(answer)
    assert answer.status_code == 422 and "Line 3 holds a NUL byte" in page
    assert "Choose a file, or paste rows." not in page
    assert not Import.objects.exists()


def test_pasted_addresses_are_a_file_too(client: Client) -> None:
    page = text_of(
        client.post(reverse("contacts:import"), {"pasted": "ken@mail.example\nana@mail.example"}, follow=True)
    )
    assert "pasted.csv" in page and "2 of the first 2 are valid." in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "is a ZIP archive or an Excel workbook"),
        (b"email\nken@mail.example\n\0\n", "Line 3 holds a NUL byte"),
        (b"email,x\nken@mail.example," + b"x" * 3_000_000, "Line 2 is longer than"),
        (b"a,b\nc,d\n", "holds email addresses"),
        (b"", "is empty"),
    ],
)
def test_a_bad_file_is_refused_on_the_page_with_the_place(client: Client, data: bytes, words: str) -> None:
    answer = upload(client, data)
    assert answer.status_code == 422 and words in text_of(answer)
    assert not Import.objects.exists()


def test_the_mapping_needs_an_address_and_nothing_twice(client: Client, workspace: Workspace) -> None:
    upload(client, FILE.encode())
    row = Import.objects.get()
    for columns, words in [
        ({"column_1": "full_name"}, "Choose the column that holds the email address."),
        ({"column_0": "address", "column_1": "address"}, "Two columns go to the same place."),
        ({"column_0": "field:__class__"}, "Choose the column that holds the email address."),
    ]:
        answer = post(client, "import_map", row.pk, **columns)
        assert answer.status_code == 422 and words in text_of(answer)


def test_a_wrong_encoding_can_be_changed(client: Client) -> None:
    upload(client, FILE.encode("cp932"))
    row = Import.objects.get()
    page = text_of(post(client, "import_reread", row.pk, encoding="cp1252", separator=",", header="True"))
    assert "佐藤 健" not in page
    assert '<option value="utf-16"' not in page
    post(client, "import_reread", row.pk, encoding="utf-16", separator=",", header="True")
    page = text_of(post(client, "import_reread", row.pk, encoding="cp932", separator=",", header="True"))
    assert "佐藤 健" in page
    assert "No column of" in text_of(
        post(client, "import_reread", row.pk, encoding="cp932", separator="|", header="True")
    )


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
