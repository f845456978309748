"""The Audience and Check & send tabs, and the buttons that start, take back, pause and end a send."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from accounts.roles import Can, WorkspaceRequest, requires
from campaigns import again, audience, editing, launching, preflight, problems, samples, tasks, testing, wave_words
from campaigns.forms import AudienceForm, GiveUpForm, RouteForm, ScheduleForm, TestForm, WaveForm
from campaigns.models import Campaign
from campaigns.views.writing import campaign_of
from delivery import mailings, warmup_words, warmups
from delivery.content.source import TemplateProblem

FIXED = gettext_lazy("Whom this draft goes to was decided when it was made. A copy of it can go to lists.")


def _funnel(campaign: Campaign) -> audience.Counted:
    """The count that can be had at once; a slow one goes on in the background."""
    counted = audience.funnel(campaign)
    if counted.stale and audience.begin_recount(campaign):
        tasks.count_audience.delay(campaign.pk)
    return counted


@requires(Can.VIEW)
@require_http_methods(["GET", "POST"])
def choose(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    campaign = campaign_of(request, pk)
    if request.method == "POST":
        return save_audience(request, pk)
    include, exclude = editing.chosen_lists(campaign)
    form = AudienceForm(initial={"include": include, "exclude": exclude}, workspace=request.workspace)
    context = {
        "campaign": campaign,
        "form": form,
        "tab": "audience",
        "funnel": _funnel(campaign),
        "chosen": again.chosen(campaign),
    }
    return render(request, "campaigns/audience.html", context)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def save_audience(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    form = AudienceForm(request.POST, workspace=request.workspace)
    if not form.is_valid():
        context = {"campaign": campaign, "form": form, "tab": "audience", "funnel": _funnel(campaign)}
        return render(request, "campaigns/audience.html", context, status=422)
    try:
        version = form.cleaned_data["version"] or campaign.version
        campaign = editing.save(campaign, version, form.values(), request.user)
    except editing.NotEditable:
        messages.error(request, _("This campaign is scheduled or sent: its audience can no longer change."))
        return _shown_anew(request, "campaigns:audience", pk)
    except editing.FixedAudience:
        messages.error(request, FIXED)
        return _shown_anew(request, "campaigns:audience", pk)
    except editing.Conflict:
        messages.error(request, _("Somebody else saved this campaign a moment ago. Look at it and choose again."))
        return _shown_anew(request, "campaigns:audience", pk)
    if request.htmx:
        context = {"campaign": campaign, "funnel": _funnel(campaign), "saved": True}
        return render(request, "campaigns/_funnel.html", context)
    return redirect("campaigns:audience", pk)


def _shown_anew(request: WorkspaceRequest, page: str, pk: int) -> HttpResponse:
    """The page as it is stored now, with the message at its top."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect(page, pk)


@requires(Can.VIEW)
@require_GET
def funnel(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    return render(request, "campaigns/_funnel.html", {"campaign": campaign, "funnel": _funnel(campaign)})


@requires(Can.VIEW)
@require_GET
def check(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Check & send. Once it is scheduled this page shows when, and how to take it back."""
    campaign = campaign_of(request, pk)
    if not campaign.editable and campaign.status != Campaign.State.SCHEDULED:
        return redirect("campaigns:report", pk)
    return _check_page(request, campaign, ScheduleForm(initial=_when(request, campaign)))


def _when(request: WorkspaceRequest, campaign: Campaign) -> dict[str, object]:
    zone = campaign.zone or request.user.time_zone or request.workspace.time_zone
    tomorrow = timezone.now().astimezone(zoneinfo.ZoneInfo(zone)) + dt.timedelta(days=1)
    return {"when": ScheduleForm.NOW, "date": tomorrow.date(), "time": "09:04", "zone": zone}


def _check_page(
    request: WorkspaceRequest, campaign: Campaign, form: ScheduleForm, test: TestForm | None = None, status: int = 200
) -> HttpResponse:
    routes, funnel = launching.routes_of(campaign), _funnel(campaign)
    context = {
        "campaign": campaign,
        "tab": "send",
        "report": preflight.check(campaign),
        "form": form,
        "funnel": funnel,
        "chosen": again.chosen(campaign),
        "warm_ups": warmup_words.sentences(warmups.planned(routes[0], funnel.receiving)) if routes else [],
        "route_form": RouteForm.of(campaign, routes),
        "routes": routes,
        "give_up_form": GiveUpForm(initial={"give_up_hours": campaign.give_up_hours}, campaign=campaign),
        "wave_form": WaveForm(
            initial={"wave_size": campaign.wave, "wave_minutes": campaign.wave_minutes}, campaign=campaign
        ),
        "wave": wave_words.planned(campaign),
        "test_form": test or TestForm(initial={"to": request.user.email}, people=samples.samples(campaign)),
        "tests": testing.recent(campaign),
        "undo_seconds": int(launching.undo_window(campaign).total_seconds()),
    }
    return render(request, "campaigns/send.html", context, status=status)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def accept(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """A person has looked at an amber check. It comes back when what it measured changes."""
    preflight.accept(campaign_of(request, pk), request.POST.get("check", ""), request.POST.get("value", ""))
    return redirect("campaigns:send", pk)


@requires(Can.SEND)
@require_POST
def choose_route(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign, form = campaign_of(request, pk), RouteForm(request.POST, workspace=request.workspace)
    if form.is_valid():
        Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT).update(**form.values())
    return redirect("campaigns:send", pk)


@requires(Can.SEND)
@require_POST
def choose_give_up(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Its control saves itself: the page stays as it is, since an hour may be typed in it."""
    campaign = campaign_of(request, pk)
    return _saves_itself(request, campaign, GiveUpForm(request.POST, campaign=campaign))


@requires(Can.SEND)
@require_POST
def choose_wave(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    return _saves_itself(request, campaign, WaveForm(request.POST, campaign=campaign))


def _saves_itself(request: WorkspaceRequest, campaign: Campaign, form: GiveUpForm | WaveForm) -> HttpResponse:
    drafts = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT)
    saved = form.is_valid() and drafts.update(**form.cleaned_data)
    if saved and request.htmx:
        return trigger_client_event(HttpResponse(status=204), "announce", {"value": _("Saved.")})
    return _shown_anew(request, "campaigns:send", campaign.pk)


@requires(Can.SEND)
@require_POST
def schedule(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    form = ScheduleForm(request.POST)
    if not form.is_valid():
        return _check_page(request, campaign, form, status=422)
    if campaign.editable and preflight.check(campaign).stops:
        messages.error(request, _("A check stops this send. Nothing was scheduled."))
        return redirect("campaigns:send", pk)
    try:
        launching.schedule(
            campaign, by=request.user, actor=request, at=form.cleaned_data["at"], zone=form.cleaned_data["zone"]
        )
    except mailings.NotLive:
        messages.error(request, _("The domain of the From address is not live. Nothing was scheduled."))
    except launching.NotDraft:
        messages.info(request, _("It was scheduled before. Nothing was sent twice."))
    except TemplateProblem as problem:
        messages.error(request, problems.words_of(problem))
        return redirect("campaigns:write", pk)
    return redirect("campaigns:send", pk)


@requires(Can.SEND)
@require_POST
def undo(request: WorkspaceRequest, pk: int) -> HttpResponse:
    try:
        launching.undo(campaign_of(request, pk), actor=request)
    except launching.TooLate:
        messages.error(request, _("It has already started. You can pause it or stop it."))
        return redirect("campaigns:report", pk)
    messages.success(request, _("Taken back. Nothing was sent, and the draft is as you left it."))
    return redirect("campaigns:send", pk)


def _button(verb: Callable[..., bool], done: Promise, not_done: Promise) -> Callable[..., HttpResponseBase]:
    @requires(Can.SEND)
    @require_POST
    def view(request: WorkspaceRequest, pk: int) -> HttpResponse:
        if verb(campaign_of(request, pk), actor=request):
            messages.success(request, str(done))
        else:
            messages.info(request, str(not_done))
        return redirect("campaigns:report", pk)

    return view


start_now = _button(launching.start_now, gettext_lazy("Sending has started."), gettext_lazy("It has started already."))
pause = _button(
    launching.pause,
    gettext_lazy("Paused. What is already on the way will finish; everybody else is kept."),
    gettext_lazy("It was not sending, so there was nothing to pause."),
)
resume = _button(
    launching.resume,
    gettext_lazy("Sending goes on."),
    gettext_lazy("It was not paused, so there was nothing to resume."),
)
go_on = _button(
    launching.go_on,
    gettext_lazy("Everybody else gets it now."),
    gettext_lazy("There was no safety wave under way."),
)
stop = _button(
    launching.stop,
    gettext_lazy("Stopped for good. Nobody who was still waiting will get it."),
    gettext_lazy("It had ended already."),
)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def send_test(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    form = TestForm(request.POST, people=samples.samples(campaign))
    if not form.is_valid():
        return _check_page(request, campaign, ScheduleForm(initial=_when(request, campaign)), form, status=422)
    contact = samples.person(campaign, form.cleaned_data["contact"])
    try:
        testing.send(campaign, to=form.cleaned_data["to"], as_contact=contact, by=request.user, actor=request)
    except testing.CannotTest as problem:
        messages.error(request, str(problem))
    except TemplateProblem as problem:
        messages.error(request, problems.words_of(problem))
    return redirect("campaigns:send", pk)


@requires(Can.VIEW)
@require_GET
def tests(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    return render(request, "campaigns/_tests.html", {"campaign": campaign, "tests": testing.recent(campaign)})


@requires(Can.VIEW)
@require_GET
def report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The shell: analytics fills it in, since it reads what happened."""
    return render(request, "campaigns/report.html", {"campaign": campaign_of(request, pk), "tab": "report"})
