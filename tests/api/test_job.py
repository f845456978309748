"""The whole job by HTTP: list, people, campaign, launch, and what happened to everyone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounts.models import AuditEntry
from analytics import folding
from delivery.models import Mailing, Route
from delivery.sender.thread import SendThread
from tests.api.caller import Caller
from tests.delivery.queue import world
from tests.servers.fixtures import StartReceiver


def folded(api: Caller, campaign: int) -> Any:
    """The failures once the roll-ups have them: a fold leaves out what is younger than any open transaction."""
    deadline = time.monotonic() + 60
    while True:
        folding.fold()
        failures = api.get(f"/campaigns/{campaign}/failures")
        if failures["codes"]:
            return failures
        assert time.monotonic() < deadline, "nothing was folded"
        time.sleep(0.2)


@pytest.mark.django_db(transaction=True)
def test_a_campaign_is_written_sent_and_explained(
    api: Caller, draft: int, receivers: StartReceiver, send_thread: SendThread
) -> None:
    receiver = receivers({"rcpt": {r"bounce\+5\.1\.1": "550 5.1.1 no such user"}})
    Route.objects.filter(kind=Route.Kind.SANDBOX).update(host=receiver.host, port=receiver.port)
    assert api.get(f"/campaigns/{draft}/audience") | {"counted_at": ""} == {
        "matched": 3, "receiving": 3, "excluded": [], "counted_at": "", "stale": False,
    }  # fmt: skip
    assert "stop" not in {check["level"] for check in api.get(f"/campaigns/{draft}/checks")}
    preview = api.get(f"/campaigns/{draft}/preview?contact={api.get('/contacts?q=ken')['items'][0]['id']}")
    assert "Ken" in preview["html"] and "To: " in preview["headers"]

    launched = api.post(f"/campaigns/{draft}/launch")
    assert (launched["status"], launched["counts"]["will_receive"]) == ("scheduled", 0)
    assert api.post(f"/campaigns/{draft}/start")["changed"]
    world.run(send_thread, world.ended(Mailing.objects.get()))

    status = api.get(f"/campaigns/{draft}/status")
    counts = status["counts"]
    assert (status["status"], counts["audience"], counts["delivered"], counts["failed"]) == ("finished", 3, 2, 1)
    failed = api.get(f"/campaigns/{draft}/messages?outcome=failed")["items"]
    assert [person["rcpt"] for person in failed] == ["bounce+5.1.1@mail.example"]
    message = api.get(f"/messages/{failed[0]['message']}")
    attempt = message["attempts"][0]
    assert (message["state"], attempt["code"], attempt["status"]) == ("failed", 550, "5.1.1")
    assert message["explanation"]["title"] and "RCPT TO:<bounce+5.1.1@mail.example>" in str(attempt["dialogue"])
    failures = folded(api, draft)
    assert failures["codes"][0] | {"cause": ""} == {"code": "550 5.1.1", "outcome": "failed", "cause": "", "people": 1}
    assert api.get(f"/campaigns/{draft}/report")["status"] == "finished"
    assert not api.get("/suppressions")["items"], "what the sandbox answers stops nobody"
    assert {a.rcpt for a in receiver.ledger()} >= {"hanako@mail.example", "ken@mail.example"}
    assert AuditEntry.objects.get(action="campaign.schedule").actor_label == "Shop"
