"""Objects of campaigns for generated tests."""

from __future__ import annotations

from accounts.models import Workspace
from campaigns import editing
from campaigns.models import Campaign
from delivery.furnishing import sandbox_address
from tests.delivery.factories import mailing
from tests.factories import factory, make_member


@factory("campaign", "campaigns:*.pk")
def campaign(workspace: Workspace) -> Campaign:
    sandbox_address(workspace)
    return editing.create(workspace, make_member(workspace), name="Autumn")


@factory("analytics:*.pk")
def sent_campaign(workspace: Workspace) -> Campaign:
    made = campaign(workspace)
    Campaign.objects.filter(pk=made.pk).update(state=Campaign.State.SCHEDULED, mailing=mailing(workspace))
    return made
