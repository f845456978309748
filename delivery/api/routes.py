"""Routes by HTTP: those that the workspace may use. They are made by the install's administrators, on the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Query, Schema
from pydantic import Field

from accounts.api import ApiRequest, Id, Key, Page, Resource, Window, page
from accounts.api_keys import Scope
from delivery import route_test
from delivery.models import Route

router = Resource(tags=["Routes"])


class RouteOut(Schema):
    id: int
    name: str
    kind: str
    host: str
    port: int
    security: str
    paused_at: datetime | None
    pause_reason: str


class RouteStep(Schema):
    name: str
    ok: bool
    text: str
    detail: str = Field(description="What the other side said or showed, as it came")


class RouteTestOut(Schema):
    ok: bool
    steps: list[RouteStep]
    advice: list[str]
    proposals: list[str]

    @staticmethod
    def resolve_advice(result: route_test.Result) -> list[str]:
        return [str(sentence) for sentence in result.advice]

    @staticmethod
    def resolve_proposals(result: route_test.Result) -> list[str]:
        return [proposal.text for proposal in result.proposals]


def routes_of(request: ApiRequest) -> QuerySet[Route]:
    return Route.objects.filter(workspaces=request.workspace)


@router.get("", auth=Key(Scope.READ), response=Page[RouteOut])
def list_routes(request: ApiRequest, window: Query[Window]) -> Any:
    return page(routes_of(request), window)


@router.post("/{pk}/test", auth=Key(Scope.SETTINGS), response=RouteTestOut)
def test_route(request: ApiRequest, pk: Id) -> Any:
    """Connect, say EHLO, secure, sign in: each step in words. No mail is sent. Takes up to a minute."""
    return route_test.run(get_object_or_404(routes_of(request), pk=pk))
