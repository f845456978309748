"""The preflight looks at the name that the links of a mail begin with."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from campaigns import preflight
from campaigns.checking import Check, Level
from campaigns.models import Campaign
from delivery.models import FromAddress, SendingDomain


@pytest.fixture
def domain(draft: Campaign) -> SendingDomain:
    """Verified and live; its From address is the draft's."""
    now = timezone.now()
    made = SendingDomain.objects.create(
        workspace=draft.workspace, name="minori.example", tracking_host="link.minori.example",
        verified_at=now, live_at=now,
    )  # fmt: skip
    sender = FromAddress.objects.create(workspace=draft.workspace, sending_domain=made, local_part="a", name="Minori")
    Campaign.objects.filter(pk=draft.pk).update(from_address=sender)
    return made


def check_of(draft: Campaign) -> Check | None:
    checks = preflight.check(Campaign.objects.get(pk=draft.pk)).checks
    return next((check for check in checks if check.key == "tracking"), None)


def found(status: str, https: str | None, misses: int) -> dict[str, Any]:
    return {"tracking": {"status": status, "https": https, "misses": misses}}


def test_a_name_of_its_own_is_optional(draft: Campaign, domain: SendingDomain) -> None:
    SendingDomain.objects.filter(pk=domain.pk).update(checks=found("missing", None, 3))
    assert check_of(draft) is None
    SendingDomain.objects.filter(pk=domain.pk).update(checks=found("ok", "certificate", 3))
    assert check_of(draft) is None, "it was never in use; the page of the domain says why"


def test_a_name_in_use_is_fine_until_it_does_not_answer(draft: Campaign, domain: SendingDomain, settings: Any) -> None:
    settings.TRACKING_URL = "https://mail.example.com"
    kept, now = SendingDomain.objects.filter(pk=domain.pk), timezone.now()
    kept.update(checks=found("ok", "ok", 0), tracking_live_at=now, tracking_proven_at=now)
    fine = check_of(draft)
    assert fine and fine.level is Level.FINE and "https://link.minori.example" in fine.title
    kept.update(checks=found("ok", "unreachable", 1))
    once = check_of(draft)
    assert once and once.level is Level.LOOK and "begin with https://link.minori.example" in once.detail
    kept.update(checks=found("ok", "unreachable", 2), tracking_live_at=None)
    given_up = check_of(draft)
    assert given_up and given_up.level is Level.LOOK and "begin with https://mail.example.com" in given_up.detail
