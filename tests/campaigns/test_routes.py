"""Which route a campaign takes."""

from __future__ import annotations

from accounts.models import Workspace
from campaigns import launching
from campaigns.models import Campaign
from delivery.models import FromAddress, Route, SendingDomain


def test_a_route_that_was_taken_from_the_workspace_is_not_used_by_an_older_draft(
    draft: Campaign, workspace: Workspace
) -> None:
    domain = SendingDomain.objects.create(
        workspace=workspace, name="minori.example", return_path_host="b.minori.example"
    )
    draft.from_address = FromAddress.objects.create(
        workspace=workspace, sending_domain=domain, local_part="tea", name="Tea"
    )
    draft.route = Route.objects.create(name="Other brand's", kind=Route.Kind.SMARTHOST, host="mail.example.com")
    assert launching.route_of(draft) is None

    draft.route.workspaces.add(workspace)
    assert launching.route_of(draft) == draft.route
