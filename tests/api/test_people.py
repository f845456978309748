"""People by HTTP: lists, contacts, what stops mail to them, and imports."""

from __future__ import annotations

import pytest

from accounts.api_keys import Scope
from accounts.models import AuditEntry, Workspace
from contacts import importing, subscriptions
from contacts.models import Contact, ContactChange, Import, Suppression
from tests.api.caller import Caller, caller_of, fields_of

pytestmark = pytest.mark.django_db
FILE = "メール,姓,ランク\nhanako@mail.example,山田,Gold\nken@mail.example,佐藤,Silver\nnobody,x,y\n".encode("cp932")


def work(pk: int) -> Import:
    """What the `work` queue does."""
    imported = Import.objects.get(pk=pk)
    assert imported.job_id
    while importing.advance(imported.job_id):
        pass
    imported.refresh_from_db()
    return imported


def test_a_file_is_mapped_tried_imported_and_taken_back(api: Caller) -> None:
    letter = api.post("/lists", {"name": "Tea letter"})["id"]
    uploaded = api.call("POST", "/imports?name=people.csv", FILE)
    made = uploaded.json()
    assert (uploaded.status_code, made["encoding"], made["mapping"][0]) == (201, "cp932", "address")
    decision = {"mapping": ["address", "last_name", "new:text"], "lists": [letter], "statement": "At the shop"}
    assert api.post(f"/imports/{made['id']}/check", decision)["state"] == "checking"
    work(made["id"])
    checked = api.get(f"/imports/{made['id']}")
    assert (checked["state"], checked["estimate"]["added"], checked["estimate"]["invalid"]) == ("checked", 2, 1)
    assert not Contact.objects.exists()
    assert api.post(f"/imports/{made['id']}/start")["state"] == "importing"
    work(made["id"])
    assert api.get(f"/imports/{made['id']}")["counts"]["added"] == 2
    assert [row["last_name"] for row in api.get(f"/contacts?list={letter}")["items"]] == ["山田", "佐藤"]
    rows = b"".join(api.call("GET", f"/imports/{made['id']}/rows").streaming_content).decode()
    assert "nobody" in rows and "no @" in rows
    assert api.call("POST", f"/imports/{made['id']}/start").status_code == 409
    api.post(f"/imports/{made['id']}/undo")
    work(made["id"])
    assert api.get(f"/imports/{made['id']}")["state"] == "undone" and not Contact.objects.exists()
    assert {"import.started", "import.undone"} <= set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        ({"mapping": ["", "", ""]}, "mapping"),
        ({"mapping": ["address", "last_name", "last_name"]}, "mapping"),
        ({"mapping": ["address"]}, "mapping"),
        ({"mapping": ["address", "field:shoe", ""]}, "mapping.1"),
        ({"lists": [999999]}, "lists"),
        ({"tags": ["a\r\nb"]}, "tags.0"),
        ({"tags": ["VIP", "a,b"]}, "tags.1"),
        ({"tags": ["紅茶、緑茶"]}, "tags.0"),
        ({"tags": ["x" * 5300]}, "tags"),
    ],
)
def test_a_decision_that_cannot_be_is_named(api: Caller, decision: dict[str, object], field: str) -> None:
    made = api.call("POST", "/imports", FILE).json()
    answer = api.call("POST", f"/imports/{made['id']}/check", decision)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert api.get(f"/imports/{made['id']}")["state"] == "uploaded"


def test_lists_are_made_changed_and_deleted_by_name(api: Caller, people: int) -> None:
    renamed = api.call("PATCH", f"/lists/{people}", {"public_name": "Tea, weekly"}).json()
    assert (renamed["name"], renamed["public_name"], renamed["subscribed"]) == ("Tea letter", "Tea, weekly", 3)
    assert api.call("POST", "/lists", {"name": "Tea letter"}).json()["errors"][0]["field"] == "name"
    assert api.call("DELETE", f"/lists/{people}").status_code == 422
    assert api.call("DELETE", f"/lists/{people}?name=Tea letter").status_code == 204
    assert Contact.objects.count() == 3


def test_a_tag_too_long_for_the_index_is_refused(api: Caller, people: int) -> None:
    answer = api.call("POST", "/contacts", {"address": "new@mail.example", "tags": ["VIP", "x" * 5300]})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "tags", "message": "A tag has at most 200 characters."}],
    )


def test_a_tag_and_a_choice_stay_whole_or_are_refused(api: Caller, people: int) -> None:
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    for bad in ("Tea, green", "紅茶、緑茶", "a\nb"):
        answer = api.call("PATCH", f"/contacts/{ken}", {"tags": ["VIP", bad]})
        assert (answer.status_code, fields_of(answer)) == (422, {"tags.1"})
    assert api.get(f"/contacts/{ken}")["tags"] == []
    field = {"label": "Rank", "kind": "choice", "choices": ["Gold, and more", "Silver; 銀、白"]}
    assert api.post("/fields", field)["choices"] == field["choices"]
    chosen = {"fields": {"rank": "Gold, and more"}}
    assert api.call("PATCH", f"/contacts/{ken}", chosen).json()["fields"] == chosen["fields"]
    assert api.call("POST", "/fields", field | {"label": "B", "choices": ["Gold\nSilver"]}).status_code == 422


def test_a_person_who_left_is_not_brought_back(api: Caller, people: int) -> None:
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    assert api.call("POST", f"/contacts/{ken}/unsubscribe", {"lists": [people]}).json()["changed"]
    back = api.call("POST", f"/contacts/{ken}/subscribe", {"lists": [people], "statement": "They said so"}).json()
    assert (back["changed"], back["lists"][0]["state"]) == (False, "unsubscribed")


def test_mail_is_stopped_and_released(api: Caller, people: int) -> None:
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    stopped = api.call("POST", f"/contacts/{ken}/stop", {"note": "Called us"}).json()
    assert (stopped["changed"], stopped["mailable"], stopped["state"]) == (True, False, "stopped")
    assert [row["id"] for row in api.get("/contacts?state=stopped")["items"]] == [ken]
    assert api.call("POST", f"/contacts/{ken}/release", {"note": "Called again"}).json()["mailable"]
    assert not api.call("POST", f"/contacts/{ken}/release", {"note": "Called again"}).json()["changed"]


def test_what_a_person_did_only_the_person_takes_back(api: Caller, workspace: Workspace) -> None:
    subscriptions.suppress(workspace, "ken@mail.example", Suppression.Reason.COMPLAINT, source="fbl")
    row = api.get("/suppressions?address=KEN@mail.example")["items"][0]
    assert row["can_be_lifted_by"] == "person"
    assert api.call("POST", f"/suppressions/{row['id']}/release", {"note": "Sure"}).status_code == 409


def test_an_address_is_stopped_once(api: Caller) -> None:
    assert api.call("POST", "/suppressions", {"address": "gone@mail.example"}).status_code == 201
    again = api.call("POST", "/suppressions", {"address": "GONE@mail.example"})
    assert (again.status_code, Suppression.objects.count()) == (200, 1)


def test_pages_meet_without_a_gap(api: Caller, people: int) -> None:
    first = api.get("/contacts?limit=2")
    second = api.get(f"/contacts?limit=2&after={first['next']}")
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    ids = [row["id"] for row in first["items"] + second["items"]]
    assert ids == sorted(set(ids))


def test_the_history_says_that_a_program_did_it(api: Caller, people: int) -> None:
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    assert api.call("PATCH", f"/contacts/{ken}", {"last_name": "Sato", "tags": ["VIP"]}).json()["changed"]
    assert not api.call("PATCH", f"/contacts/{ken}", {"last_name": "Sato"}).json()["changed"]
    change = ContactChange.objects.get(contact=ken, added=False)
    assert (change.source, change.changes) == ("api", {"last_name": ["", "Sato"], "tags": [[], ["VIP"]]})
    assert AuditEntry.objects.get(action="contact.changed").api_key is not None


def test_a_workspace_sees_its_own_people_only(api: Caller, people: int) -> None:
    stranger = caller_of(Workspace.objects.create(name="Another brand"), Scope.READ)
    for path in ("/contacts", "/lists", "/suppressions", "/imports", "/campaigns", "/routes", "/from-addresses"):
        assert stranger.get(path)["items"] == []
