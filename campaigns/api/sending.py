"""Sending by HTTP. What makes mail leave takes an Idempotency-Key, so that a repeated request sends nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import Field

from accounts import audit
from accounts.api import ApiRequest, Id, Key, Line, Page, Resource, Sent, Window, answerable, as_json, refuses
from accounts.api_keys import Scope
from accounts.idempotency import once
from accounts.problems import FieldError, Kind, Problem, invalid, of_form
from campaigns import launching, preflight, problems, testing
from campaigns.api.finding import campaign_of, known_provider, refused
from campaigns.api.shapes import (
    CampaignStatus,
    Changed,
    Decided,
    PersonOut,
    ProviderKey,
    TestIn,
    TestOut,
    When,
    status_of,
)
from campaigns.api.writing import reader
from campaigns.forms import ScheduleForm, clean_address
from campaigns.models import Campaign
from delivery import mailings, people
from delivery.content.source import TemplateProblem
from delivery.models import Mailing

router = Resource(tags=["Sending"])
Outcome = Literal["delivered", "bounced", "retrying", "failed", "unknown", "held", "not_sent", "waiting", "excluded"]


@router.get("/{pk}/status", auth=Key(Scope.READ), response=CampaignStatus)
def read_status(request: ApiRequest, pk: Id) -> Any:
    """Its state, and how many people are where: the counts always add up to the audience."""
    return status_of(campaign_of(request, pk))


@router.post("/{pk}/launch", auth=Key(Scope.SEND), response={202: CampaignStatus})
def launch(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Send it when the time to undo is over (see `send_at`); `start` does not wait for that."""
    return once(request, request.auth, key, lambda: _schedule(request, pk), status=202)


@router.post("/{pk}/schedule", auth=Key(Scope.SEND), response={202: CampaignStatus})
def schedule(request: ApiRequest, pk: Id, key: Sent, when: When) -> HttpResponse:
    """Send it at a wall time in a zone. The past, and an hour that summer time skips, are refused."""
    form = ScheduleForm({"when": "later", "date": when.at.date(), "time": when.at.time(), "zone": when.zone})

    def act() -> dict[str, Any]:
        campaign_of(request, pk)
        if not form.is_valid():
            raise of_form(form, {"date": "at", "time": "at"})
        return _schedule(request, pk, form.cleaned_data["at"], when.zone)

    return once(request, request.auth, key, act, status=202)


@router.post("/{pk}/start", auth=Key(Scope.SEND), response={202: Changed})
def start(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Do not wait for the hour, nor for the time to undo."""
    return once(request, request.auth, key, lambda: _changed(request, pk, launching.start_now), status=202)


@router.post("/{pk}/resume", auth=Key(Scope.SEND), response={202: Changed})
def resume(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Go on where it was paused."""
    return once(request, request.auth, key, lambda: _changed(request, pk, launching.resume), status=202)


@router.post("/{pk}/pause", auth=Key(Scope.SEND), response=Changed)
def pause(request: ApiRequest, pk: Id) -> Any:
    """No new recipients; what is on the way finishes, everybody else is kept."""
    return _changed(request, pk, launching.pause)


@router.post("/{pk}/go-on", auth=Key(Scope.SEND), response={202: Changed})
def go_on(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Do not wait for the safety wave, also where it paused itself: everybody else gets it now."""
    return once(request, request.auth, key, lambda: _changed(request, pk, launching.go_on), status=202)


@router.post("/{pk}/stop", auth=Key(Scope.SEND), response=Changed)
def stop(request: ApiRequest, pk: Id) -> Any:
    """For good: nobody who still waits will get it."""
    return _changed(request, pk, launching.stop)


@router.post("/{pk}/undo", auth=Key(Scope.SEND), response=CampaignStatus, openapi_extra=refuses(Kind.CONFLICT))
def undo(request: ApiRequest, pk: Id) -> Any:
    """Back to the draft, while nobody was queued."""
    try:
        launching.undo(campaign_of(request, pk), actor=request)
    except launching.TooLate as error:
        raise Problem(Kind.CONFLICT, _("It has already started. You can pause it or stop it.")) from error
    return status_of(campaign_of(request, pk))


@router.post("/{pk}/release-held", auth=Key(Scope.SEND), response={202: Decided})
def release_held(request: ApiRequest, pk: Id, key: Sent) -> HttpResponse:
    """Try everyone again who is held: the letter or the route was put right."""
    return once(request, request.auth, key, lambda: _decided(request, pk, "release", mailings.release_held), status=202)


@router.post("/{pk}/drop-held", auth=Key(Scope.SEND), response=Decided)
def drop_held(request: ApiRequest, pk: Id) -> Any:
    """Leave everyone out who is held; they count as not sent."""
    return _decided(request, pk, "drop", mailings.drop_held)


@router.post("/{pk}/test", auth=Key(Scope.SEND), response={202: TestOut})
def send_test(request: ApiRequest, pk: Id, key: Sent, test: TestIn) -> HttpResponse:
    """The letter as one person gets it, to at most ten addresses."""
    return once(request, request.auth, key, lambda: _test(request, campaign_of(request, pk), test), status=202)


@router.get("/{pk}/tests", auth=Key(Scope.READ), response=list[TestOut])
def list_tests(request: ApiRequest, pk: Id) -> Any:
    """The last tests, newest first."""
    return [_told(one) for one in testing.recent(campaign_of(request, pk))]


@router.get("/{pk}/messages", auth=Key(Scope.READ), response=Page[PersonOut])
def list_messages(
    request: ApiRequest,
    pk: Id,
    window: Query[Window],
    outcome: Outcome = "failed",
    cause: Annotated[Line, Field(max_length=80)] = "",
    provider: ProviderKey = "",
) -> Any:
    """People by what happened to them; `message` is the id of a message."""
    mailing = campaign_of(request, pk).mailing
    if mailing is None:
        return {"items": [], "next": None}
    if provider and outcome not in people.BY_EXCEPTION:
        raise invalid(
            "provider", _("Those who got it, wait for their turn or are left out cannot be picked by provider.")
        )
    found = people.people(
        mailing, outcome, cause=cause, provider=known_provider(provider), after=window.after, limit=window.limit
    )
    return {"items": found.people, "next": found.after}


def _schedule(request: ApiRequest, pk: int, at: datetime | None = None, zone: str = "") -> dict[str, Any]:
    campaign = campaign_of(request, pk)
    if campaign.editable and (stops := preflight.check(campaign).stops):
        errors = [FieldError(check.key, f"{check.title} {check.detail}".strip()) for check in stops]
        raise Problem(Kind.CHECKS, _("A check stops this send. Nothing was scheduled."), errors)
    try:
        launching.schedule(campaign, by=answerable(request), actor=request, at=at, zone=zone)
    except mailings.NotLive as error:
        said = _("The domain of the From address is not live. Nothing was scheduled.")
        raise Problem(Kind.CONFLICT, said, [FieldError("from_address", said)]) from error
    except launching.NotDraft as error:
        raise Problem(Kind.CONFLICT, _("It was scheduled before. Nothing was sent twice.")) from error
    except TemplateProblem as problem:
        raise refused(campaign, problem, problems.words_of(problem)) from problem
    return as_json(CampaignStatus, status_of(campaign_of(request, pk)))


def _changed(request: ApiRequest, pk: int, verb: Callable[..., bool]) -> dict[str, Any]:
    changed = verb(campaign_of(request, pk), actor=request)
    return as_json(Changed, status_of(campaign_of(request, pk)) | {"changed": changed})


def _decided(request: ApiRequest, pk: int, verb: str, act: Callable[[Mailing], int]) -> dict[str, Any]:
    mailing = campaign_of(request, pk).mailing
    number = act(mailing) if mailing else 0
    if mailing and number:
        audit.record(request, request.workspace, f"mailing.{verb}", mailing, people=number)
    return as_json(Decided, status_of(campaign_of(request, pk)) | {"people": number})


def _test(request: ApiRequest, campaign: Campaign, test: TestIn) -> dict[str, Any]:
    to = [_address(number, typed) for number, typed in enumerate(test.to)]
    contact = reader(campaign, test.contact)
    try:
        sent = testing.send(campaign, to=list(dict.fromkeys(to)), as_contact=contact, by=None, actor=request)
    except testing.CannotTest as problem:
        raise Problem(Kind.CONFLICT, str(problem), [FieldError(problem.field, str(problem))]) from problem
    except TemplateProblem as problem:
        raise refused(campaign, problem, problems.words_of(problem)) from problem
    return as_json(TestOut, _told(sent))


def _address(number: int, typed: str) -> str:
    try:
        return clean_address(typed or " ")
    except forms.ValidationError as error:
        raise invalid(f"to.{number}", error.messages[0]) from error


def _told(test: Any) -> dict[str, Any]:
    return {"id": test.pk, "messages": list(test.mailing.messages.all())}
