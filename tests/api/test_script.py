"""A script with a key does the whole job from an empty workspace: domain, DNS, route, people, a live campaign, why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.utils import timezone

from delivery.models import Mailing, MessageState
from delivery.queue import ticks
from delivery.sender.thread import SendThread
from tests.api.caller import Caller, caller_of
from tests.api.test_job import folded
from tests.api.test_people import work
from tests.delivery.queue import world
from tests.factories import make_member, make_workspace
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

MAIL_HOST = "mail.example.com"
FILE = b"email,first name,Rank\nhanako@mail.example,Hanako,Gold\nken@mail.example,Ken,\nbounce+5.1.1@mail.example,B,\n"
LETTER = """<p>Hello {{ contact.first_name or "you" }}, <a href="https://shop.example/new">new teas</a></p>
<p>{{ workspace.legal_name }}, {{ workspace.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>"""


@pytest.fixture
def hub(receivers: StartReceiver, server_cert: str) -> Receiver:
    """A smarthost that asks for a password over STARTTLS, and knows one address that does not exist."""
    gone = {r"bounce\+5\.1\.1": "550 5.1.1 no such user"}
    return receivers({"rcpt": gone}, tls="starttls", cert=server_cert, users={"tea": "Genmaicha-7"})


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def script(db: None, dns_server: Dns, settings: Any) -> Caller:
    settings.DNS_RESOLVER, settings.SMTP_HOSTNAME = dns_server.address, MAIL_HOST
    settings.TRACKING_URL = "https://link.example.com"
    dns_server.set(MAIL_HOST, {"A": ["127.0.0.1"], "TXT": ["v=spf1 a -all"]})
    workspace = make_workspace(legal_name="Minori Tea K.K.", postal_address="1-2-3 Midori, Tokyo")
    return caller_of(workspace, by=make_member(workspace, is_install_admin=True))


def route(api: Caller, hub: Receiver, ca_file: str) -> int:
    """Made with a wrong password, tested, mended, tested again."""
    given = {"name": "Hub", "host": hub.host, "port": hub.port, "username": "tea", "password": "no", "ca_file": ca_file}
    made = api.post("/routes", given | {"limits": {"per_second": 500, "connections": 2}})["id"]
    wrong = api.post(f"/routes/{made}/test")
    assert not wrong["ok"] and wrong["steps"][-1]["name"] == "auth"
    assert api.call("PATCH", f"/routes/{made}", {"password": "Genmaicha-7"}).status_code == 200
    assert api.post(f"/routes/{made}/test")["ok"]
    return int(made)


def sender(api: Caller, names: Dns) -> int:
    """A domain whose records are published, verified and live, with limits and an address."""
    domain = api.post("/domains", {"name": "news.example.com"})
    path = f"/domains/{domain['id']}"
    early = {record["key"]: record for record in api.post(f"{path}/check")["records"]}
    assert early["dkim"]["status"] == "missing" and api.call("PUT", f"{path}/live", {"live": True}).status_code == 409
    for record in domain["records"]:
        if record["required"]:
            names.add(record["host"], record["type"], record["value"])
    checked = api.post(f"{path}/check")
    assert checked["verified_at"], [(row["key"], row["status"], row["found"]) for row in checked["records"]]
    assert api.call("PUT", f"{path}/live", {"live": True}).json()["live"]
    assert api.call("PATCH", path, {"limits": {"per_hour": 5000}}).json()["limits"]["per_hour"] == 5000
    return int(api.post(f"{path}/from-addresses", {"name": "Minori Tea", "local_part": "tea"})["id"])


def people(api: Caller) -> int:
    made = api.post("/lists", {"name": "Tea letter"})["id"]
    uploaded = api.call("POST", "/imports?name=people.csv", FILE).json()
    decision = {"mapping": ["address", "first_name", "new:text"], "lists": [made], "statement": "At the shop"}
    api.post(f"/imports/{uploaded['id']}/check", decision)
    work(uploaded["id"])
    assert api.get(f"/imports/{uploaded['id']}")["estimate"]["added"] == 3
    api.post(f"/imports/{uploaded['id']}/start")
    work(uploaded["id"])
    return int(made)


@pytest.mark.django_db(transaction=True)
def test_a_script_sends_a_live_campaign_from_nothing(
    script: Caller, dns_server: Dns, hub: Receiver, ca_file: str, send_thread: SendThread
) -> None:
    api, over = script, route(script, hub, ca_file)
    content = {"name": "Autumn", "subject": "New teas", "preheader": "Three", "html": LETTER, "route": over}
    address = sender(api, dns_server)
    made = api.post("/campaigns", content | {"from_address": address, "include_lists": [people(api)]})
    path = f"/campaigns/{made['id']}"
    ken = api.get("/contacts?q=ken")["items"][0]["id"]
    assert "Hello" in api.get(f"{path}/preview?contact={ken}")["html"]
    assert api.get(f"{path}/audience")["receiving"] == 3
    stops = [check for check in api.get(f"{path}/checks") if check["level"] == "stop"]
    assert not stops

    test = api.post(f"{path}/test", {"to": ["keiko@mail.example"], "contact": ken})
    world.run(send_thread, world.ended(Mailing.objects.get(kind=Mailing.Kind.TEST)))
    assert [one["state"] for one in api.get(f"{path}/tests")[0]["messages"]] == ["delivered"] and test["messages"]

    day = (timezone.now() + dt.timedelta(days=30)).date()
    scheduled = api.post(f"{path}/schedule", {"at": f"{day}T09:00:00", "zone": "Asia/Tokyo"})
    assert (scheduled["status"], scheduled["send_at"]) == ("scheduled", f"{day}T00:00:00Z")
    assert api.post(f"{path}/undo")["status"] == "draft"
    api.post(f"{path}/launch")
    api.post(f"{path}/start")
    ticks.advance()
    assert api.post(f"{path}/pause")["status"] == "paused"
    assert api.post(f"{path}/resume")["changed"]
    mailing = Mailing.objects.get(kind=Mailing.Kind.CAMPAIGN)
    world.run(send_thread, world.ended(mailing))

    counts = api.get(f"{path}/status")["counts"]
    assert (counts["audience"], counts["delivered"], counts["failed"]) == (3, 2, 1)
    failed = api.get(f"{path}/messages?outcome=failed")["items"]
    assert api.get(f"/messages/{failed[0]['message']}")["attempts"][0]["status"] == "5.1.1"
    assert folded(api, made["id"])["causes"][0]["people"] == 1
    assert [row["reason"] for row in api.get("/suppressions")["items"]] == ["no_such_user"]
    assert mailing.messages.filter(state=MessageState.DELIVERED).count() == 2
    assert {line.rcpt for line in hub.ledger()} == {f"{who}@mail.example" for who in ("keiko", "hanako", "ken")}
