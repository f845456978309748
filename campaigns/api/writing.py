"""Drafts by HTTP: the same verbs and forms as the Write and Audience tabs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.db import transaction
from django.forms import model_to_dict
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Header, Query, Status
from pydantic import Field

from accounts.api import ApiRequest, Id, Key, Line, Page, Resource, Window, page, refuses
from accounts.api_keys import Scope
from accounts.problems import FieldError, Kind, Problem, invalid, of_form
from campaigns import again, audience, contents, editing, listing, preflight, previewing, problems, samples, tasks
from campaigns.api.finding import campaign_of, field_of, known_provider, refused
from campaigns.api.shapes import (
    AgainIn,
    CampaignChange,
    CampaignIn,
    CampaignLine,
    CampaignOut,
    CheckOut,
    FunnelOut,
    PreviewOut,
)
from campaigns.forms import AudienceForm, ContentForm, RouteForm
from campaigns.models import Campaign
from contacts.models import Contact

router = Resource(tags=["Campaigns"])
TEMPLATES = {"subject", "preheader", "html", "letter", "text"}
Match = Annotated[str, Header(alias="If-Match", description='The version that was changed, in quotes: "3"')]


@router.get("", auth=Key(Scope.READ), response=Page[CampaignLine])
def list_campaigns(
    request: ApiRequest,
    window: Query[Window],
    status: Literal["all", "draft", "scheduled", "sending", "sent"] = "all",
    q: Annotated[Line, Field(max_length=200)] = "",
) -> Any:
    """Newest first."""
    return page(listing.matching(request.workspace, status, q.strip()), window, newest_first=True)


@router.post("", auth=Key(Scope.CAMPAIGNS), response={201: CampaignOut})
def create_campaign(request: ApiRequest, new: CampaignIn) -> Any:
    """A draft. From address and language are the workspace's where they are left out."""
    with transaction.atomic():
        draft = editing.create(request.workspace, None, actor=request)
        return Status(201, _write(draft, draft.version, new) if new.model_fields_set else draft)


@router.get("/{pk}", auth=Key(Scope.READ), response=CampaignOut)
def read_campaign(request: ApiRequest, pk: Id, response: HttpResponse) -> Any:
    """Its ETag is the version for If-Match."""
    return _tagged(campaign_of(request, pk), response)


@router.patch(
    "/{pk}",
    auth=Key(Scope.CAMPAIGNS),
    response=CampaignOut,
    openapi_extra=refuses(Kind.CONFLICT, Kind.CHANGED, Kind.NO_VERSION),
)
def change_campaign(
    request: ApiRequest, pk: Id, change: CampaignChange, response: HttpResponse, if_match: Match = ""
) -> Any:
    """Only while it is a draft, and only from the version that it has now: else 412, and nothing is changed."""
    return _tagged(_write(campaign_of(request, pk), _version(change, if_match), change), response)


@router.delete("/{pk}", auth=Key(Scope.CAMPAIGNS), response={204: None}, openapi_extra=refuses(Kind.CONFLICT))
def delete_campaign(request: ApiRequest, pk: Id) -> Any:
    """Throw a draft away."""
    if not editing.delete(campaign_of(request, pk), None, actor=request):
        raise Problem(Kind.CONFLICT, _("Only a draft can be deleted. Nothing was changed."))
    return Status(204, None)


@router.post("/{pk}/duplicate", auth=Key(Scope.CAMPAIGNS), response={201: CampaignOut})
def duplicate_campaign(request: ApiRequest, pk: Id) -> Any:
    """A new draft with the same words; its audience is empty."""
    return Status(201, editing.duplicate(campaign_of(request, pk), None, actor=request))


@router.post(
    "/{pk}/send-again", auth=Key(Scope.CAMPAIGNS), response={201: CampaignOut}, openapi_extra=refuses(Kind.CONFLICT)
)
def send_again(request: ApiRequest, pk: Id, these: AgainIn) -> Any:
    """A draft with the same words for just the people of one outcome; there is one for the same people. `again` of it
    says who may get it twice; `launch` sends it."""
    campaign = campaign_of(request, pk)
    picked = (these.outcome, these.cause, known_provider(these.provider))
    try:
        draft, _new = again.choose(campaign, *picked, by=None, actor=request)
    except (again.NotSent, again.Nobody) as error:
        raise Problem(Kind.CONFLICT, _("No one is in this group any more. No draft was made.")) from error
    return Status(201, draft)


@router.get("/{pk}/preview", auth=Key(Scope.READ), response=PreviewOut)
def preview_campaign(request: ApiRequest, pk: Id, contact: Id | None = None) -> Any:
    """The letter as one person gets it; its links lead nowhere."""
    campaign = campaign_of(request, pk)
    shown = previewing.of(campaign, reader(campaign, contact))
    if shown.problem is not None:
        if shown.fault is None:
            raise Problem(Kind.INVALID, shown.problem)
        raise refused(campaign, shown.fault, shown.problem)
    return {**vars(shown), "contact": shown.contact and shown.contact.pk}


@router.get("/{pk}/audience", auth=Key(Scope.READ), response=FunnelOut)
def count_audience(request: ApiRequest, pk: Id) -> Any:
    """Who matches, who of them will receive it, and why the others will not."""
    campaign = campaign_of(request, pk)
    counted = audience.funnel(campaign)
    if counted.stale and audience.begin_recount(campaign):
        tasks.count_audience.delay(campaign.pk)
    return counted


@router.get("/{pk}/checks", auth=Key(Scope.READ), response=list[CheckOut])
def check_campaign(request: ApiRequest, pk: Id) -> Any:
    """Every preflight check. Those of the level “stop” keep it from being sent."""
    return preflight.check(campaign_of(request, pk)).checks


def reader(campaign: Campaign, contact: int | None) -> Contact | None:
    """The person asked for, else the first sample. Raises Problem for one who is not of this workspace."""
    found = samples.person(campaign, contact)
    if contact and (found is None or found.pk != contact):
        raise invalid("contact", _("There is no such person here."))
    return found


def _tagged(campaign: Campaign, response: HttpResponse) -> Campaign:
    response.headers["ETag"] = f'"{campaign.version}"'
    return campaign


def _version(change: CampaignChange, if_match: str) -> int:
    text = if_match.strip().removeprefix("W/").strip('"')
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if change.version is None or if_match:
        detail = _("Send If-Match with the ETag of what you read, or “version”.")
        raise Problem(Kind.NO_VERSION, detail, [FieldError("If-Match" if if_match else "version", detail)])
    return min(change.version, 2**31 - 1)


def _write(campaign: Campaign, version: int, given: CampaignIn) -> Campaign:
    """Store what was given, checked by the forms of the pages."""
    values = _content(campaign, version, given) | _audience(campaign, given) | _route(campaign, given)
    values |= given.model_dump(include={"give_up_hours", "wave_size", "wave_minutes"}, exclude_unset=True)
    try:
        return editing.save(campaign, version, values, None)
    except editing.Conflict as conflict:
        detail = _("It is at version %(version)s now. Read it again, and change that.")
        detail %= {"version": conflict.current.version}
        raise Problem(Kind.CHANGED, detail, [FieldError("version", detail)]) from conflict
    except editing.FixedAudience as error:
        detail = _("Whom this draft goes to was decided when it was made. A copy of it can go to lists.")
        raise Problem(Kind.CONFLICT, detail, [FieldError("include_lists", detail)]) from error
    except editing.NotEditable as error:
        detail = _("This campaign is scheduled or sent: its text can no longer change. Nothing was saved.")
        raise Problem(Kind.CONFLICT, detail) from error


def _content(campaign: Campaign, version: int, given: CampaignIn) -> dict[str, Any]:
    names = given.model_fields_set & set(ContentForm.Meta.fields)
    sent = {name: getattr(given, name) for name in names}
    stored = model_to_dict(campaign, fields=ContentForm.Meta.fields)
    form = ContentForm({**stored, **sent, "version": version}, instance=campaign)
    if not form.is_valid():
        raise of_form(form)
    _check_template(form.instance, names)
    return {name: form.cleaned_data[name] for name in names}


def _check_template(campaign: Campaign, given: set[str]) -> None:
    """A program sends what is finished: unlike on the page, an error in what it sends is refused."""
    parts = given & {*TEMPLATES, "kind"}
    fault = contents.compiled(campaign).problem if parts else None
    if fault is not None and ("kind" in given or field_of(campaign, fault.where) in parts):
        raise refused(campaign, fault, problems.words_of(fault))


def _audience(campaign: Campaign, given: CampaignIn) -> dict[str, Any]:
    form = AudienceForm({"include": given.include_lists, "exclude": given.exclude_lists}, workspace=campaign.workspace)
    if not form.is_valid():
        raise of_form(form, {"include": "include_lists", "exclude": "exclude_lists"})
    return {name: ids for name, ids in form.values().items() if name in given.model_fields_set}


def _route(campaign: Campaign, given: CampaignIn) -> dict[str, Any]:
    """Each must be one that the workspace may use."""
    sent = given.model_fields_set & {"route", "next_routes"}
    values: dict[str, Any] = {name: getattr(given, name) for name in sent}
    for name, keys in values.items():
        for key in [keys] if name == "route" else keys:
            form = RouteForm({"route": key}, workspace=campaign.workspace)
            if key is not None and not form.is_valid():
                raise of_form(form, {"route": name})
    if "route" in values:
        values["route_id"] = values.pop("route")
    return values
