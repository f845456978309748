"""The Write tab: the letter, saved as it is typed, and how it looks to one person."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from campaigns import editing, preflight, previewing, samples, starters
from campaigns.forms import ContentForm
from campaigns.models import Campaign
from contacts.models import Field

# The letter is foreign HTML. In an opaque origin (sandbox) it can run nothing and reach nothing of ours.
LETTER_POLICY = "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:"


def campaign_of(request: WorkspaceRequest, pk: int) -> Campaign:
    rows = Campaign.objects.of(request.workspace).select_related("mailing", "from_address__sending_domain", "workspace")
    return get_object_or_404(rows, pk=pk)


@requires(Can.VIEW)
@require_http_methods(["GET", "POST"])
def write(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = campaign_of(request, pk)
    if request.method == "POST":
        return save(request, pk)
    return render(request, "campaigns/write.html", _page(request, campaign, ContentForm(instance=campaign)))


def _page(request: WorkspaceRequest, campaign: Campaign, form: ContentForm) -> dict[str, object]:
    form.initial["version"] = campaign.version
    return {
        "campaign": campaign,
        "form": form,
        "tab": "write",
        "starters": starters.all_of(campaign.language),
        "fields": Field.objects.of(request.workspace).order_by("pk"),
        "checks": preflight.of_content(campaign),
        "preview": previewing.of(campaign, samples.person(campaign, None)),
        "samples": samples.samples(campaign),
    }


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def save(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Autosave (htmx) answers with what changed on the page; a plain form post comes back to the page."""
    campaign = campaign_of(request, pk)
    form = ContentForm(request.POST, instance=campaign)
    if not form.is_valid():
        return _refused(request, form, pk)
    values, version = form.values(), form.cleaned_data["version"]
    try:
        saved = editing.save(campaign, version, values, request.user)
    except editing.Conflict as conflict:
        context = {"campaign": conflict.current, "mine": values, "differences": _differences(values, conflict.current)}
        return render(request, "campaigns/_conflict.html" if request.htmx else "campaigns/conflict.html", context, status=409)
    except editing.NotEditable:
        messages.error(request, _("This campaign is scheduled or sent: its text can no longer change. Nothing was saved."))
        return _reload(request, pk)
    if not request.htmx:
        return redirect("campaigns:write", pk)
    return render(request, "campaigns/_saved.html", {"campaign": saved, "checks": preflight.of_content(saved)})


def _refused(request: WorkspaceRequest, form: ContentForm, pk: int) -> HttpResponse:
    stored = campaign_of(request, pk)
    if request.htmx:
        return render(request, "campaigns/_not_saved.html", {"form": form, "campaign": stored}, status=422)
    return render(request, "campaigns/write.html", _page(request, stored, form), status=422)


def _reload(request: WorkspaceRequest, pk: int) -> HttpResponse:
    if not request.htmx:
        return redirect("campaigns:report", pk)
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


def _differences(mine: dict[str, object], theirs: Campaign) -> list[tuple[str, object, object]]:
    labels = ContentForm.Meta.labels
    changed = [name for name, value in mine.items() if value != getattr(theirs, name)]
    return [(str(labels[name]), mine[name], getattr(theirs, name)) for name in changed]


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def use_starter(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Fill the letter from a starter. What was there can be had back: the browser's undo, or the old version's copy."""
    campaign = campaign_of(request, pk)
    starter = get_object_or_none(request.POST.get("starter", ""))
    if starter is None:
        return HttpResponse(status=404)
    try:
        editing.save(campaign, campaign.version, starter.values(campaign), request.user)
    except (editing.Conflict, editing.NotEditable):
        messages.error(request, _("Somebody else changed this campaign. The template was not used."))
    return redirect("campaigns:write", pk)


def get_object_or_none(key: str) -> starters.Starter | None:
    return starters.get(key)


@requires(Can.VIEW)
@require_GET
def preview(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The preview panel for one person: HTML (in a frame), text, headers or source."""
    campaign = campaign_of(request, pk)
    contact = request.GET.get("contact", "")
    person = samples.person(campaign, int(contact) if contact.isdecimal() else None)
    context = {
        "campaign": campaign,
        "preview": previewing.of(campaign, person),
        "part": request.GET.get("part", "html"),
        "samples": samples.samples(campaign),
    }
    return render(request, "campaigns/_preview.html", context)


@requires(Can.VIEW)
@require_GET
def letter(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The letter alone, for the preview's frame. Its links lead nowhere and nothing counts as opened."""
    campaign = campaign_of(request, pk)
    contact = request.GET.get("contact", "")
    person = samples.person(campaign, int(contact) if contact.isdecimal() else None)
    shown = previewing.of(campaign, person)
    response = HttpResponse(shown.html if shown.problem is None else "")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
