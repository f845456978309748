"""Sending domains, From addresses and routes by HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts import fields
from accounts.api_keys import Scope
from accounts.models import AuditEntry, User, Workspace
from delivery.models import Limit, Route, SendingDomain
from tests.api.caller import Caller, caller_of, fields_of
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_a_domain_comes_with_the_records_to_publish(api: Caller) -> None:
    made = api.call("POST", "/domains", {"name": "News.Minori.example"})
    records = {record["key"]: record for record in made.json()["records"]}
    assert (made.status_code, made.json()["name"]) == (201, "news.minori.example")
    assert records["dkim"]["value"].startswith("v=DKIM1") and records["dkim"]["status"] == "unchecked"
    assert set(records) == {"dkim", "spf", "return_path", "dmarc", "tracking"}
    assert "private" not in made.content.decode()
    assert api.call("POST", "/domains", {"name": "news.minori.example"}).status_code == 200


def test_a_domain_goes_live_only_when_it_is_verified(api: Caller, settings: Any) -> None:
    pk = api.post("/domains", {"name": "news.minori.example"})["id"]
    refused = api.call("PUT", f"/domains/{pk}/live", {"live": True})
    assert refused.status_code == 409 and "not verified" in refused.json()["detail"]
    settings.TRACKING_URL = "https://link.minori.example"
    SendingDomain.objects.filter(pk=pk).update(verified_at=timezone.now())
    assert api.call("PUT", f"/domains/{pk}/live", {"live": True}).json()["live"]
    assert not api.call("PUT", f"/domains/{pk}/live", {"live": False}).json()["live"]


def test_a_domain_says_what_links_begin_with(api: Caller) -> None:
    pk = api.post("/domains", {"name": "news.minori.example"})["id"]
    made = api.call("GET", f"/domains/{pk}").json()
    assert (made["tracking_host"], made["tracking_live_at"], made["tracking_https"]) == (
        "link.news.minori.example",
        None,
        None,
    )
    seen = {"tracking": {"status": "ok", "found": [], "https": "certificate", "misses": 1}}
    SendingDomain.objects.filter(pk=pk).update(tracking_live_at=timezone.now(), checks=seen)
    made = api.call("GET", f"/domains/{pk}").json()
    assert made["tracking_live_at"] and made["tracking_https"] == "certificate"


def test_a_domain_of_another_workspace_cannot_be_claimed(api: Caller) -> None:
    other = Workspace.objects.create(name="Another brand")
    SendingDomain.objects.create(workspace=other, name="minori.example", verified_at=timezone.now())
    answer = api.call("POST", "/domains", {"name": "minori.example"})
    assert (answer.status_code, fields_of(answer)) == (422, {"name"})


def test_a_from_address_is_one_that_campaigns_take(api: Caller) -> None:
    domain = api.post("/domains", {"name": "minori.example"})["id"]
    made = api.post(f"/domains/{domain}/from-addresses", {"name": "Minori Tea", "local_part": "tea"})
    assert made["address"] == "tea@minori.example"
    assert api.post("/campaigns", {"from_address": made["id"]})["from_address"] == made["id"]
    assert api.call("DELETE", f"/from-addresses/{made['id']}").status_code == 204


def test_a_domain_has_limits(api: Caller) -> None:
    pk = api.post("/domains", {"name": "news.minori.example"})["id"]
    assert set(api.get(f"/domains/{pk}")["limits"].values()) == {None}
    api.call("PATCH", f"/domains/{pk}", {"limits": {"per_second": 2.5, "per_hour": 100}})
    changed = api.call("PATCH", f"/domains/{pk}", {"limits": {"per_hour": None, "connections": 3}}).json()["limits"]
    assert (changed["per_second"], changed["per_hour"], changed["connections"]) == (2.5, None, 3)
    for bad in (0, -1, "many"):
        answer = api.call("PATCH", f"/domains/{pk}", {"limits": {"per_hour": bad}})
        assert (answer.status_code, fields_of(answer)) == (422, {"limits.per_hour"})
    for bad in (b"NaN", b"1e999", b"-1e999"):
        answer = api.call("PATCH", f"/domains/{pk}", b'{"limits": {"per_second": ' + bad + b"}}")
        assert (answer.status_code, fields_of(answer)) == (422, {"limits.per_second"})
    assert Limit.objects.get().sending_domain_id == pk
    assert AuditEntry.objects.filter(action="domain.limited").count() == 2


SMARTHOST = {"name": "Hub", "host": "smtp.minori.example", "username": "tea", "password": "Genmaicha-7"}


def test_a_route_is_made_changed_limited_paused_and_removed(api: Caller, workspace: Workspace) -> None:
    made = api.post("/routes", SMARTHOST | {"limits": {"per_second": 5, "per_hour": 9000, "connections": 4}})
    assert (made["port"], made["security"], made["has_password"]) == (587, "starttls", True)
    assert (made["limits"]["per_second"], made["limits"]["connections"]) == (5, 4)
    path, route = f"/routes/{made['id']}", Route.objects.get(pk=made["id"])
    assert list(route.workspaces.all()) == [workspace] and fields.reveal(route, "password_sealed") == "Genmaicha-7"

    changed = api.call("PATCH", path, {"port": 465, "security": "implicit", "limits": {"per_hour": None}}).json()
    assert (changed["host"], changed["port"], changed["has_password"]) == ("smtp.minori.example", 465, True)
    assert (changed["limits"]["per_second"], changed["limits"]["per_hour"]) == (5, None)
    route.refresh_from_db()
    assert list(route.workspaces.all()) == [workspace] and fields.reveal(route, "password_sealed") == "Genmaicha-7"
    assert not api.call("PATCH", path, {"username": ""}).json()["has_password"]

    given = {"provider": "gmail", "connections": 2}
    assert api.call("PUT", f"{path}/provider-limits", given).status_code == 409
    api.call("PATCH", path, {"kind": "direct"})
    limited = api.call("PUT", f"{path}/provider-limits", given).json()
    assert [(row["provider"], row["connections"]) for row in limited["provider_limits"]] == [("gmail", 2)]
    assert api.call("PUT", f"{path}/provider-limits", {"provider": "gmail"}).json()["provider_limits"] == []

    paused = api.post(f"{path}/pause")
    assert paused["changed"] and paused["paused_at"] and not api.post(f"{path}/pause")["changed"]
    assert api.post(f"{path}/resume")["paused_at"] is None
    drained = api.post(f"{path}/drain")
    assert drained["changed"] and drained["drain"] and api.post(f"{path}/resume")["changed"]
    assert api.call("DELETE", path).status_code == 204 and not Route.objects.filter(pk=made["id"]).exists()
    done = set(AuditEntry.objects.exclude(api_key=None).values_list("action", flat=True))
    assert {f"route.{verb}" for verb in ("saved", "site_limited", "paused", "resumed", "removed")} <= done


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Hub\r\nBcc: x"}, "name"),
        ({"host": "smtp.minori.example\r\nRCPT"}, "host"),
        ({"host": ""}, "host"),
        ({"username": "te\na"}, "username"),
        ({"password": "a\x00b"}, "password"),
        ({"username": ""}, "username"),
        ({"port": 0}, "port"),
        ({"port": 70000}, "port"),
        ({"kind": "sandbox"}, "kind"),
        ({"security": "none"}, "security"),
        ({"source_address": "here"}, "source_address"),
        ({"ehlo_name": "a b"}, "ehlo_name"),
        ({"limits": {"per_second": 0}}, "limits.per_second"),
        ({"limits": {"per_hour": 1.5}}, "limits.per_hour"),
        ({"limits": {"speed": 1}}, "limits.speed"),
    ],
)
def test_a_route_that_cannot_be_names_its_field(api: Caller, given: dict[str, Any], field: str) -> None:
    made = api.post("/routes", SMARTHOST | {"name": "Other"})["id"]
    for method, path in (("POST", "/routes"), ("PATCH", f"/routes/{made}")):
        answer = api.call(method, path, SMARTHOST | given)
        assert (answer.status_code, fields_of(answer)) == (422, {field}), answer.content
    assert Route.objects.exclude(kind="sandbox").get().name == "Other"


def test_a_password_never_comes_back(api: Caller) -> None:
    made = api.call("POST", "/routes", SMARTHOST)
    pk = made.json()["id"]
    answers = [made, api.call("GET", "/routes"), api.call("GET", f"/routes/{pk}")]
    answers += [api.call("PATCH", f"/routes/{pk}", {"password": "Genmaicha-7"}), api.call("POST", "/routes", SMARTHOST)]
    assert answers[-1].status_code == 422  # the name is taken
    assert all(b"Genmaicha" not in answer.content for answer in answers)
    assert "Genmaicha" not in str(list(AuditEntry.objects.values()))


def test_the_sandbox_stays_as_it_is(api: Caller, workspace: Workspace) -> None:
    sandbox = Route.objects.get(kind=Route.Kind.SANDBOX)
    sandbox.workspaces.add(workspace)
    assert api.call("PATCH", f"/routes/{sandbox.pk}", {"host": "mail.minori.example"}).status_code == 409
    assert api.call("DELETE", f"/routes/{sandbox.pk}").status_code == 409


def test_a_key_changes_routes_only_while_its_maker_manages_the_install(workspace: Workspace, owner: User) -> None:
    caller = caller_of(workspace, by=owner)
    made = caller.post("/routes", SMARTHOST)["id"]
    assert caller.get(f"/routes/{made}")["username"] == "tea"
    assert caller_of(workspace, Scope.SETTINGS, by=owner).get(f"/routes/{made}")["username"] is None
    owner.is_install_admin = False
    owner.save()
    refused = caller.call("PATCH", f"/routes/{made}", {"host": "elsewhere.example"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:shirase:problem:scope")
    assert "administrator" in refused.json()["detail"] and caller.get(f"/routes/{made}")["username"] is None
    assert Route.objects.get(pk=made).host == "smtp.minori.example"


def test_a_route_is_tested_in_words(api: Caller, workspace: Workspace, smtp_server: Receiver) -> None:
    kind, none = Route.Kind.SMARTHOST, Route.Security.NONE
    route = Route.objects.create(name="Hub", kind=kind, host=smtp_server.host, port=smtp_server.port, security=none)
    route.workspaces.add(workspace)
    result = api.post(f"/routes/{route.pk}/test")
    assert result["ok"] and {step["name"] for step in result["steps"]} >= {"connect", "helo"}
    smtp_server.stop()
    refused = api.post(f"/routes/{route.pk}/test")
    assert not refused["ok"] and "closed" in refused["steps"][-1]["text"]


def test_the_brakes_are_read_and_set(api: Caller, workspace: Workspace) -> None:
    assert api.get("/brakes") == {"unknown_users": 10, "blocks": 20, "complaints": 0.3, "stops": 10}
    changed = api.call("PATCH", "/brakes", {"unknown_users": 2.5, "blocks": None}).json()
    assert changed == api.get("/brakes") == {"unknown_users": 2.5, "blocks": None, "complaints": 0.3, "stops": 10}
    for bad in (0, 101, "many"):
        answer = api.call("PATCH", "/brakes", {"complaints": bad})
        assert (answer.status_code, fields_of(answer)) == (422, {"complaints"})
    assert AuditEntry.objects.get(action="brakes.saved").workspace == workspace
