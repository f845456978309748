"""A request that sends happens once, however often it arrives."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import idempotency
from accounts.models import IdempotencyKey
from campaigns.models import Campaign, CampaignTest
from delivery.models import Mailing, Message
from tests.api.caller import Caller, fields_of


@pytest.mark.django_db
def test_a_repeated_launch_gets_the_same_answer_and_sends_nothing_twice(api: Caller, draft: int) -> None:
    first = api.call("POST", f"/campaigns/{draft}/launch", key="autumn")
    again = api.call("POST", f"/campaigns/{draft}/launch", key="autumn")
    assert (first.status_code, again.status_code) == (202, 202) and first.content == again.content
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
    assert Mailing.objects.count() == 1


@pytest.mark.django_db
def test_another_request_with_the_key_is_refused(api: Caller, draft: int) -> None:
    test = {"to": ["keiko@mail.example"]}
    api.post(f"/campaigns/{draft}/test", test, key="k")
    for verb, body in (("test", {"to": ["ken@mail.example"]}), ("launch", None)):
        answer = api.call("POST", f"/campaigns/{draft}/{verb}", body, key="k")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:shirase:problem:key-reused")
        assert fields_of(answer) == {"Idempotency-Key"}
    assert (Message.objects.count(), CampaignTest.objects.count()) == (1, 1)
    assert Campaign.objects.get().mailing is None


@pytest.mark.django_db
def test_a_launch_with_another_key_is_a_conflict(api: Caller, draft: int) -> None:
    api.post(f"/campaigns/{draft}/launch", key="one")
    answer = api.call("POST", f"/campaigns/{draft}/launch", key="two")
    assert (answer.status_code, Mailing.objects.count()) == (409, 1)
    assert not IdempotencyKey.objects.filter(key="two").exists()


@pytest.mark.django_db
def test_a_request_that_failed_may_come_again_with_its_key(api: Caller, draft: int) -> None:
    api.call("PATCH", f"/campaigns/{draft}", {"subject": "", "version": 2})
    assert api.call("POST", f"/campaigns/{draft}/launch", key="k").status_code == 422
    api.call("PATCH", f"/campaigns/{draft}", {"subject": "Autumn tea", "version": 3})
    assert api.call("POST", f"/campaigns/{draft}/launch", key="k").status_code == 202


@pytest.mark.django_db
def test_what_sends_says_that_it_needs_a_key(api: Caller, draft: int) -> None:
    answer = api.call("POST", f"/campaigns/{draft}/launch")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_send_one_test(api: Caller, draft: int) -> None:
    def ask(_number: int) -> Any:
        try:
            return api.call("POST", f"/campaigns/{draft}/test", {"to": ["keiko@mail.example"]}, key="same")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers if answer.status_code == 202) == 1
    assert Message.objects.count() == CampaignTest.objects.count() == 1


@pytest.mark.django_db
def test_keys_are_forgotten_after_a_month(api: Caller, draft: int) -> None:
    api.post(f"/campaigns/{draft}/launch", key="old")
    IdempotencyKey.objects.update(created_at=timezone.now() - dt.timedelta(days=31))
    idempotency.forget()
    assert not IdempotencyKey.objects.exists()
