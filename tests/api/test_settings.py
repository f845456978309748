"""Sending domains, From addresses and routes by HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Workspace
from delivery.models import Route, SendingDomain
from tests.api.caller import Caller, fields_of
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


def test_a_route_is_tested_in_words(api: Caller, workspace: Workspace, smtp_server: Receiver) -> None:
    kind, none = Route.Kind.SMARTHOST, Route.Security.NONE
    route = Route.objects.create(name="Hub", kind=kind, host=smtp_server.host, port=smtp_server.port, security=none)
    route.workspaces.add(workspace)
    assert "password" not in api.call("GET", "/routes").content.decode()
    result = api.post(f"/routes/{route.pk}/test")
    assert result["ok"] and {step["name"] for step in result["steps"]} >= {"connect", "helo"}
    smtp_server.stop()
    refused = api.post(f"/routes/{route.pk}/test")
    assert not refused["ok"] and "closed" in refused["steps"][-1]["text"]
