"""Objects of analytics for generated tests: campaigns that were sent."""

from __future__ import annotations

from accounts.models import Workspace
from campaigns.models import Campaign
from tests.campaigns.factories import campaign
from tests.delivery.factories import mailing
from tests.factories import factory


@factory("analytics:report.pk", "analytics:export.pk")
def sent(workspace: Workspace) -> Campaign:
    made = campaign(workspace)
    made.mailing = mailing(workspace)
    made.state = Campaign.State.SCHEDULED
    made.save(update_fields=["mailing", "state"])
    return made
