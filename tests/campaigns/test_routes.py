"""Which route a campaign takes."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from campaigns import launching, preflight
from campaigns.checking import Level
from campaigns.models import Campaign
from delivery.models import FromAddress, Route, SendingDomain
from tests.api.caller import caller_of, fields_of


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


@pytest.fixture
def live(draft: Campaign, workspace: Workspace) -> list[Route]:
    """Three routes that the workspace may use, and a From address that may leave this server."""
    now = timezone.now()
    domain = SendingDomain.objects.create(
        workspace=workspace, name="minori.example", return_path_host="b.minori.example", verified_at=now, live_at=now
    )
    sender = FromAddress.objects.create(workspace=workspace, sending_domain=domain, local_part="tea", name="Tea")
    Campaign.objects.filter(pk=draft.pk).update(from_address=sender)
    draft.refresh_from_db()
    routes = [
        Route.objects.create(name=name, kind=Route.Kind.SMARTHOST, host="mail.example.com") for name in ("A", "B", "C")
    ]
    workspace.routes.add(*routes)
    return routes


def choose(client: Client, draft: Campaign, *routes: Route | None) -> list[Route]:
    names = ("route", "second", "third")
    form = {name: route.pk for name, route in zip(names, routes, strict=False) if route}
    assert client.post(reverse("campaigns:route", args=[draft.pk]), form).status_code == 302
    draft.refresh_from_db()
    return launching.routes_of(draft)


def test_a_campaign_names_the_routes_that_take_over_in_order(
    signed_in: Client, draft: Campaign, live: list[Route]
) -> None:
    a, b, c = live
    assert launching.routes_of(draft) == [a], "nobody takes over who was not asked to"
    assert choose(signed_in, draft, c, a, b) == [c, a, b]
    assert choose(signed_in, draft, b, b, a) == [b, a]
    assert choose(signed_in, draft, b, None, c) == [b, c]

    mailing = launching.schedule(draft, by=None, actor=None)
    assert list(mailing.mailing_routes.order_by("order").values_list("route__name", flat=True)) == ["B", "C"]


def test_a_paused_first_route_stops_no_send_that_another_takes(
    signed_in: Client, draft: Campaign, live: list[Route]
) -> None:
    a, b, _c = live
    choose(signed_in, draft, a, b)
    Route.objects.filter(pk=a.pk).update(paused_at=timezone.now())

    def level() -> Level:
        return next(
            one.level for one in preflight.check(Campaign.objects.get(pk=draft.pk)).checks if one.key == "route"
        )

    assert level() is Level.LOOK
    Route.objects.filter(pk=b.pk).update(paused_at=timezone.now())
    assert level() is Level.STOP


def test_a_program_names_them_too(draft: Campaign, workspace: Workspace, live: list[Route]) -> None:
    caller = caller_of(workspace)
    change = {"route": live[1].pk, "next_routes": [live[0].pk], "version": draft.version}
    answer = caller.call("PATCH", f"/campaigns/{draft.pk}", change)
    assert (answer.status_code, answer.json()["next_routes"]) == (200, [live[0].pk])
    draft.refresh_from_db()
    assert launching.routes_of(draft) == [live[1], live[0]]
    wrong = caller.call("PATCH", f"/campaigns/{draft.pk}", {"next_routes": [999_999], "version": draft.version})
    assert wrong.status_code == 422
    assert fields_of(wrong) == {"next_routes"}
