"""Bad input is told with the field it is in, and changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from accounts.models import AuditEntry, Workspace
from campaigns.models import Campaign
from contacts.models import Contact, Import, List, Suppression
from delivery.models import Mailing, SendingDomain
from tests.api.caller import Caller, fields_of

CONTROLS = ["a\r\nBcc: x@mail.example", "a\x00b", "a\nb", "a\u2028b", "a\x85b"]


@pytest.mark.parametrize("bad", CONTROLS)
def test_a_control_character_is_refused_wherever_it_is_sent(api: Caller, people: int, draft: int, bad: str) -> None:
    contact = api.get("/contacts?q=ken")["items"][0]["id"]
    domain = api.get("/domains")["items"][0]["id"]
    entries = AuditEntry.objects.count()
    requests: list[tuple[str, str, Any, str]] = [
        ("POST", "/lists", {"name": bad}, "name"),
        ("PATCH", f"/lists/{people}", {"public_name": bad}, "public_name"),
        ("POST", "/contacts", {"address": "new@mail.example", "first_name": bad}, "first_name"),
        ("POST", "/contacts", {"address": f"{bad}@mail.example"}, "address"),
        ("POST", "/contacts", {"address": f"new@mail.example{bad}"}, "address"),
        ("PATCH", f"/contacts/{contact}", {"address": f"ken@mail.example{bad}"}, "address"),
        ("PATCH", f"/contacts/{contact}", {"tags": [bad]}, "tags.0"),
        ("POST", "/fields", {"label": "Tea", "kind": "choice", "choices": ["Green", bad]}, "choices.1"),
        ("POST", f"/contacts/{contact}/subscribe", {"lists": [people], "statement": bad}, "statement"),
        ("POST", f"/contacts/{contact}/stop", {"note": bad}, "note"),
        ("POST", f"/contacts/{contact}/release", {"note": bad}, "note"),
        ("POST", "/fields", {"label": bad}, "label"),
        ("POST", "/suppressions", {"address": f"new@mail.example{bad}"}, "address"),
        ("POST", "/suppressions", {"address": "new@mail.example", "note": bad}, "note"),
        ("POST", "/domains", {"name": f"minori.example{bad}"}, "name"),
        ("POST", f"/domains/{domain}/from-addresses", {"name": bad, "local_part": "tea"}, "name"),
        ("POST", f"/domains/{domain}/from-addresses", {"name": "Tea", "local_part": bad}, "local_part"),
        ("POST", f"/domains/{domain}/from-addresses", _sender(f"x@mail.example{bad}"), "reply_to"),
        ("POST", "/campaigns", {"subject": bad}, "subject"),
        ("PATCH", f"/campaigns/{draft}", {"name": bad, "version": 2}, "name"),
        ("PATCH", f"/campaigns/{draft}", {"preheader": bad, "version": 2}, "preheader"),
        ("POST", f"/contacts/{contact}/erase", {"address": f"ken@mail.example{bad}"}, "address"),
        ("PATCH", f"/campaigns/{draft}", {"reply_to": f"x@mail.example{bad}", "version": 2}, "reply_to"),
        ("POST", f"/campaigns/{draft}/test", {"to": ["ok@mail.example", f"x@mail.example{bad}"]}, "to.1"),
        ("POST", f"/campaigns/{draft}/launch", None, "Idempotency-Key"),
    ]
    for method, path, body, field in requests:
        key = bad if field == "Idempotency-Key" else "k"
        answer = api.call(method, path, body, key=key)
        assert (answer.status_code, fields_of(answer)) == (422, {field}), (method, path, answer.content)
    assert AuditEntry.objects.count() == entries and not Mailing.objects.exists()
    assert (Contact.objects.count(), List.objects.count(), Campaign.objects.count()) == (3, 1, 1)
    assert not Suppression.objects.exists() and SendingDomain.objects.count() == 1


def _sender(reply_to: str) -> dict[str, str]:
    return {"name": "Tea", "local_part": "tea", "reply_to": reply_to}


def test_things_of_another_workspace_named_in_a_body_are_refused(api: Caller, people: int, draft: int) -> None:
    other = List.objects.create(workspace=Workspace.objects.create(name="B"), name="News", list_id_label="news").pk
    for body, field in (
        ({"include_lists": [other]}, "include_lists"),
        ({"exclude_lists": [people, other]}, "exclude_lists"),
        ({"from_address": 999_999}, "from_address"),
        ({"route": 999_999}, "route"),
    ):
        answer = api.call("PATCH", f"/campaigns/{draft}", {**body, "version": 2})
        assert (answer.status_code, fields_of(answer)) == (422, {field}), answer.content
    contact = Contact.objects.all()[0].pk
    answer = api.call("POST", f"/contacts/{contact}/subscribe", {"lists": [people, other], "statement": "Asked"})
    assert (answer.status_code, fields_of(answer)) == (422, {"lists.1"})
    assert api.call("GET", f"/campaigns/{draft}/preview?contact=999999").status_code == 422


@pytest.mark.parametrize(
    ("at", "zone", "words"),
    [
        ("2026-03-29T01:30:00", "Europe/London", "the clocks go forward"),
        ("2026-03-20T09:00:00", "Asia/Tokyo", "has passed"),
        ("0001-01-01T00:00:00", "Asia/Tokyo", "more than a year"),
        ("9999-12-31T23:59:59", "America/New_York", "more than a year"),
        ("2026-04-01T09:00:00", "Mars/Olympus", "valid choice"),
        ("2026-04-01T09:00:00", "America", "valid choice"),
        ("2026-04-01T09:00:00+09:00", "Asia/Tokyo", "without an offset"),
    ],
)
@time_machine.travel(dt.datetime(2026, 3, 25, 12, tzinfo=dt.UTC), tick=True)
def test_an_hour_that_cannot_be_is_refused(api: Caller, draft: int, at: str, zone: str, words: str) -> None:
    answer = api.call("POST", f"/campaigns/{draft}/schedule", {"at": at, "zone": zone}, key="k")
    assert answer.status_code == 422 and fields_of(answer) <= {"at", "zone"}
    assert words in answer.content.decode() and not Mailing.objects.exists()


BAD_TEMPLATES: list[tuple[dict[str, Any], tuple[str, int, int]]] = [
    ({"html": "<p>one</p>\n<p>{{ contact.first_name </p>"}, ("html", 2, 27)),
    ({"html": "<p>{{ contact.__class__.__mro__ }}</p>"}, ("html", 1, 25)),
    ({"html": "<p>{% for a in range(1000000000) %}x{% endfor %}</p>"}, ("html", 1, 1)),
    (
        {"html": "<p>{% for a in range(999) %}{% for b in range(999) %}0123456789{% endfor %}{% endfor %}</p>"},
        ("html", 1, 1),
    ),
    ({"subject": "Tea {% if %}"}, ("subject", 1, 11)),
    ({"preheader": "{{ nobody_has_this() }}"}, ("preheader", 1, 4)),
    ({"text": "One\nTwo {{ }}"}, ("text", 2, 8)),
    ({"kind": "letter", "letter": "Dear\n\n{{ contact.first_name"}, ("letter", 3, 12)),
]


@pytest.mark.parametrize(("given", "place"), BAD_TEMPLATES, ids=lambda value: str(value)[:30])
def test_a_template_with_an_error_is_refused_with_its_place(
    api: Caller, draft: int, given: dict[str, Any], place: tuple[str, int, int]
) -> None:
    for method, path in (("POST", "/campaigns"), ("PATCH", f"/campaigns/{draft}")):
        answer = api.call(method, path, given | ({"version": 2} if method == "PATCH" else {}))
        assert answer.status_code == 422 and fields_of(answer) == {place[0]}, answer.content
        error = answer.json()["errors"][0]
        assert (error["field"], error["line"], error["column"]) == place, error
    assert api.get(f"/campaigns/{draft}")["version"] == 2 and Campaign.objects.count() == 1


def test_an_error_left_on_the_page_is_told_and_stops_the_send(api: Caller, draft: int) -> None:
    Campaign.objects.update(html="<p>one</p>\n<p>{{ contact.first_name </p>")
    assert api.call("PATCH", f"/campaigns/{draft}", {"subject": "Other tea", "version": 2}).status_code == 200
    preview = api.call("GET", f"/campaigns/{draft}/preview")
    assert (preview.status_code, fields_of(preview), preview.json()["errors"][0]["line"]) == (422, {"html"}, 2)
    answer = api.call("POST", f"/campaigns/{draft}/launch", key="k")
    assert answer.json()["type"] == "urn:shirase:problem:checks" and "template" in fields_of(answer)
    assert "line 2" in answer.content.decode() and not Mailing.objects.exists()
    test = api.call("POST", f"/campaigns/{draft}/test", {"to": ["k@mail.example"]}, key="t")
    assert fields_of(test) == {"html"} and "line 2" in test.content.decode()


def test_what_keeps_a_test_from_going_out_is_named(api: Caller, draft: int) -> None:
    assert api.call("PATCH", f"/campaigns/{draft}", {"from_address": None, "version": 2}).status_code == 200
    answer = api.call("POST", f"/campaigns/{draft}/test", {"to": ["k@mail.example"]}, key="t")
    assert (answer.status_code, fields_of(answer)) == (409, {"from_address"})


def test_a_letter_that_fails_for_one_person_says_where(api: Caller, draft: int) -> None:
    html = "<p>one</p>\n<p>{% if contact.first_name == 'Ken' %}{{ contact.first_name + 1 }}{% endif %}</p>"
    assert api.call("PATCH", f"/campaigns/{draft}", {"html": html, "version": 2}).status_code == 200
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    preview = api.call("GET", f"/campaigns/{draft}/preview?contact={ken}", Accept_Language="ja")
    error = preview.json()["errors"][0]
    assert (preview.status_code, error["field"]) == (422, "html") and "作成できません" in error["message"], error


def test_two_programs_that_change_one_campaign_lose_nothing(api: Caller, draft: int) -> None:
    read = api.call("GET", f"/campaigns/{draft}")
    tag = read.headers["ETag"]
    first = api.call("PATCH", f"/campaigns/{draft}", {"subject": "First"}, If_Match=tag)
    assert first.status_code == 200 and first.headers["ETag"] != tag
    second = api.call("PATCH", f"/campaigns/{draft}", {"subject": "Second"}, If_Match=tag)
    assert (second.status_code, second.json()["type"]) == (412, "urn:shirase:problem:changed")
    assert fields_of(second) == {"version"}
    assert api.call("PATCH", f"/campaigns/{draft}", {"subject": "Third"}).status_code == 428
    assert api.get(f"/campaigns/{draft}")["subject"] == "First"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04zip", "ZIP"),
        (b"name\nken\n", "No column"),
        (b"email\nken@mail.example\n\x00\n", "NUL"),
        (b"email\n" + b"x" * 1_200_000, "longer than"),
        (b"", "empty"),
    ],
)
def test_a_file_that_is_no_list_of_people_is_refused(api: Caller, data: bytes, words: str) -> None:
    answer = api.call("POST", "/imports?name=people.csv", data)
    assert (answer.status_code, fields_of(answer)) == (422, {"file"})
    assert words in answer.content.decode() and not Import.objects.exists()


def test_an_address_that_is_here_already_is_a_conflict(api: Caller, people: int) -> None:
    for method, path in (("POST", "/contacts"), ("PATCH", f"/contacts/{Contact.objects.order_by('pk')[0].pk}")):
        answer = api.call(method, path, {"address": "KEN@mail.example"})
        assert (answer.status_code, fields_of(answer)) == (409, {"address"})


def test_a_field_that_takes_other_values_is_named(api: Caller, people: int) -> None:
    api.post("/fields", {"label": "Rank", "kind": "choice", "choices": ["Gold", "Silver"]})
    api.post("/fields", {"label": "Points", "kind": "number"})
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    for fields, field in (({"rank": "Lead"}, "rank"), ({"points": "many"}, "points"), ({"shoe": 1}, "shoe")):
        answer = api.call("PATCH", f"/contacts/{ken}", {"fields": fields})
        assert (answer.status_code, fields_of(answer)) == (422, {f"fields.{field}"})
    assert api.call("PATCH", f"/contacts/{ken}", {"fields": {"rank": "Gold", "points": 12.5}}).status_code == 200
    assert api.get(f"/contacts/{ken}")["fields"] == {"rank": "Gold", "points": 12.5}
    api.call("PATCH", f"/contacts/{ken}", {"fields": {"rank": None}})
    assert api.get(f"/contacts/{ken}")["fields"] == {"points": 12.5}
