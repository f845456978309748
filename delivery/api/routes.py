"""Routes by HTTP: those that the workspace may use. They are the install's, as is the right to change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Schema, Status
from pydantic import Field

from accounts import api_keys
from accounts.api import ApiRequest, Body, Id, Key, Line, Page, Resource, Sent, Window, as_json, example, page, refuses
from accounts.api_keys import Scope
from accounts.idempotency import once
from accounts.problems import Kind, Problem, of_form
from delivery import route_test, routes
from delivery.api.limits import LimitsIn, LimitsOut, limit_form
from delivery.forms import RouteForm, SiteLimitForm
from delivery.models import Limit, Route

router = Resource(tags=["Routes"])
ProviderKey = Annotated[Line, Field(description="Its key, as in reports")]
PRIVATE = ("username", "ca_file", "ehlo_name", "source_address")


class RouteChange(Body):
    """What is left out stays as it is."""

    model_config = example(
        name="Smarthost",
        host="smtp.example.com",
        port=587,
        security="starttls",
        username="tea",
        password="…",
        limits={"per_second": 10, "connections": 4},
    )

    name: str = ""
    kind: Literal["smarthost", "direct"] = "smarthost"
    host: str = Field("", description="Of a smarthost")
    port: int = 587
    security: Literal["none", "starttls", "implicit"] = "starttls"
    username: str = Field("", description="Empty: no sign-in, and the password is forgotten")
    password: str = Field("", description="Never shown again; empty: as it is", json_schema_extra={"writeOnly": True})
    ca_file: str = Field("", description="PEM file on the server, for a certificate authority of your own")
    ehlo_name: str = Field("", description="Empty: the server's own name")
    source_address: str = Field("", description="IP address of the server to send from; empty: any")
    limits: LimitsIn = Field(default_factory=LimitsIn)


class RouteIn(RouteChange):
    name: str


class ProviderLimits(LimitsOut):
    provider: str
    idle_seconds: int | None


class ProviderLimitsIn(LimitsIn):
    """What is left out does not limit; without any figure, the provider has no limit of its own."""

    model_config = example(provider="gmail", per_second=5, connections=2)

    provider: str = Field(description="Its key, as in reports")
    idle_seconds: int | None = Field(default=None, description="Seconds until an idle connection is closed")


class RouteOut(Schema):
    """How it signs in is null for a key that may not change routes."""

    id: int
    name: str
    kind: str
    host: str
    port: int
    security: str
    username: str | None
    has_password: bool | None
    ca_file: str | None
    ehlo_name: str | None
    source_address: str | None
    limits: LimitsOut
    provider_limits: list[ProviderLimits]
    paused_at: datetime | None
    pause_reason: str
    paused_by: str
    drain: bool = Field(description="What workers had in hand when it was paused is still sent")
    paused_providers: list[str]


class RouteChanged(RouteOut):
    changed: bool = Field(description="false: it was so already")


class RouteStep(Schema):
    name: str
    ok: bool
    text: str
    detail: str = Field(description="What the other side said or showed, as it came")


class RouteTestOut(Schema):
    ok: bool
    steps: list[RouteStep]
    named: list[RouteStep] = Field(description="Of a direct route: whether our name and address lead to each other")
    advice: list[str]
    proposals: list[str]

    @staticmethod
    def resolve_advice(result: route_test.Result) -> list[str]:
        return [str(sentence) for sentence in result.advice]

    @staticmethod
    def resolve_proposals(result: route_test.Result) -> list[str]:
        return [proposal.text for proposal in result.proposals]


def routes_of(request: ApiRequest) -> QuerySet[Route]:
    """A key acts for its workspace, whatever its maker sees of others."""
    return Route.objects.filter(workspaces=request.workspace)


def route_of(request: ApiRequest, pk: int) -> Route:
    return get_object_or_404(routes_of(request), pk=pk)


def _shown(request: ApiRequest, rows: list[Route]) -> list[dict[str, Any]]:
    limits = Limit.objects.filter(route__in=rows, sending_domain=None, workspace=None).select_related("site")
    mine: dict[int | None, list[Limit]] = {row.pk: [] for row in rows}
    for limit in limits.order_by("site__key"):
        mine[limit.route_id].append(limit)
    trusted = api_keys.allows(request.auth, Scope.ROUTES)
    return [_route(row, mine[row.pk], trusted=trusted) for row in rows]


def _route(row: Route, limits: list[Limit], *, trusted: bool) -> dict[str, Any]:
    own: dict[str, Any] = {name: getattr(row, name) or "" for name in PRIVATE}
    own["has_password"] = bool(row.password_sealed)
    return {
        **row.__dict__,
        **(own if trusted else dict.fromkeys(own)),
        "limits": next((limit for limit in limits if limit.site is None), Limit()),
        "paused_providers": routes.paused_providers(row),
        "provider_limits": [{**limit.__dict__, "provider": limit.site.key} for limit in limits if limit.site],
    }


def _again(request: ApiRequest, pk: int, **more: Any) -> dict[str, Any]:
    return _shown(request, [route_of(request, pk)])[0] | more


@router.get("", auth=Key(Scope.READ), response=Page[RouteOut])
def list_routes(request: ApiRequest, window: Query[Window]) -> Any:
    """Those that the workspace may use: a campaign's `route` takes their ids."""
    found = page(routes_of(request), window)
    return {**found, "items": _shown(request, found["items"])}


@router.post("", auth=Key(Scope.ROUTES), response={201: RouteOut})
def create_route(request: ApiRequest, new: RouteIn) -> Any:
    """A route that this workspace may use. Test it then: nothing was sent over it yet."""
    return Status(201, _save(request, Route(), new, {"workspaces": [request.workspace.pk]}))


@router.get("/{pk}", auth=Key(Scope.READ), response=RouteOut)
def read_route(request: ApiRequest, pk: Id) -> Any:
    """How it connects, its limits, and whether it is paused."""
    return _again(request, pk)


@router.patch("/{pk}", auth=Key(Scope.ROUTES), response=RouteOut, openapi_extra=refuses(Kind.CONFLICT))
def change_route(request: ApiRequest, pk: Id, change: RouteChange) -> Any:
    """Which workspaces may use it stays as it is. The sandbox cannot be changed."""
    route = _not_sandbox(route_of(request, pk))
    stored = model_to_dict(route, fields=RouteForm.Meta.fields)
    return _save(request, route, change, stored | {"workspaces": [one.pk for one in stored["workspaces"]]})


@router.delete("/{pk}", auth=Key(Scope.ROUTES), response={204: None}, openapi_extra=refuses(Kind.CONFLICT))
def remove_route(request: ApiRequest, pk: Id) -> Any:
    """Only while no mail was sent over it."""
    if not routes.remove(_not_sandbox(route_of(request, pk)), actor=request):
        raise Problem(Kind.CONFLICT, _("Mail was sent over this route, so it stays for the reports. You can pause it."))
    return Status(204, None)


@router.put("/{pk}/provider-limits", auth=Key(Scope.ROUTES), response=RouteOut, openapi_extra=refuses(Kind.CONFLICT))
def limit_provider(request: ApiRequest, pk: Id, given: ProviderLimitsIn) -> Any:
    """What one provider takes over this route, which is a direct one."""
    route = route_of(request, pk)
    if route.kind != Route.Kind.DIRECT:
        raise Problem(Kind.CONFLICT, _("Only a direct route talks to providers, so only it can limit them."))
    form = SiteLimitForm(given.model_dump() | {"site": given.provider})
    if not form.is_valid():
        raise of_form(form, {"site": "provider"})
    figures = {name: value for name, value in form.cleaned_data.items() if name != "site"}
    routes.limit_site(route, form.cleaned_data["site"], figures, actor=request)
    return _again(request, pk)


@router.post("/{pk}/pause", auth=Key(Scope.ROUTES), response=RouteChanged)
def pause_route(request: ApiRequest, pk: Id) -> Any:
    """Nothing leaves over it until it is resumed, of no workspace; campaigns on it wait."""
    changed = routes.pause(route_of(request, pk), actor=request)
    return _again(request, pk, changed=changed)


@router.post("/{pk}/resume", auth=Key(Scope.ROUTES), response=RouteChanged)
def resume_route(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Campaigns on it go on; those that paused themselves, when the route did, are resumed one by one."""

    def act() -> dict[str, Any]:
        changed = routes.resume(route_of(request, pk), actor=request)
        return as_json(RouteChanged, _again(request, pk, changed=changed))

    return once(request, request.auth, key, act, status=200)


@router.post("/{pk}/drain", auth=Key(Scope.ROUTES), response=RouteChanged)
def drain_route(request: ApiRequest, pk: Id) -> Any:
    """Nothing new is begun over it; what workers have in hand is still sent. Then its server may be switched off."""
    changed = routes.pause(route_of(request, pk), actor=request, drain=True)
    return _again(request, pk, changed=changed)


@router.post("/{pk}/providers/{provider}/pause", auth=Key(Scope.ROUTES), response=RouteChanged)
def pause_provider(request: ApiRequest, pk: Id, provider: ProviderKey) -> Any:
    """Nobody at this provider is mailed over this direct route until it is resumed; the others go on."""
    route = _to_provider(request, pk, provider)
    return _again(request, pk, changed=routes.pause_provider(route, provider, actor=request))


@router.post("/{pk}/providers/{provider}/drain", auth=Key(Scope.ROUTES), response=RouteChanged)
def drain_provider(request: ApiRequest, pk: Id, provider: ProviderKey) -> Any:
    """As a pause, but what workers have in hand is still sent."""
    route = _to_provider(request, pk, provider)
    return _again(request, pk, changed=routes.pause_provider(route, provider, actor=request, drain=True))


@router.post("/{pk}/providers/{provider}/resume", auth=Key(Scope.ROUTES), response=RouteChanged)
def resume_provider(request: ApiRequest, pk: Id, provider: ProviderKey) -> Any:
    """Who waits for it goes on at once."""
    route = _to_provider(request, pk, provider)
    return _again(request, pk, changed=routes.resume_provider(route, provider, actor=request))


def _to_provider(request: ApiRequest, pk: int, provider: str) -> Route:
    route = route_of(request, pk)
    if route.kind != Route.Kind.DIRECT or not routes.known_site(provider):
        raise Problem(Kind.NOT_FOUND)
    return route


@router.post("/{pk}/test", auth=Key(Scope.ROUTES), response=RouteTestOut)
def test_route(request: ApiRequest, pk: Id) -> Any:
    """Connect, say EHLO, secure, sign in: each step in words. No mail is sent. Takes up to a minute."""
    return route_test.run(route_of(request, pk))


def _not_sandbox(route: Route) -> Route:
    if route.kind == Route.Kind.SANDBOX:
        raise Problem(Kind.CONFLICT, _("The sandbox stays as it is: its mail never leaves this server."))
    return route


def _save(request: ApiRequest, route: Route, given: RouteChange, stored: dict[str, Any]) -> dict[str, Any]:
    """Checked and kept by the forms of the page."""
    sent = given.model_dump(exclude_unset=not route._state.adding, exclude={"limits"})
    form = RouteForm(stored | sent, instance=route)
    if not form.is_valid():
        raise of_form(form)
    limits = limit_form(routes.limit_of(route) if route.pk else Limit(), given.limits)
    saved = routes.save(form, limits, actor=request)
    return _again(request, saved.pk)
