"""The Write tab: the letter, saved as it is typed, and how it looks to one person."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from accounts.roles import Can, WorkspaceRequest, requires
from campaigns import contents, editing, preflight, previewing, samples, starters, variables
from campaigns.forms import ContentForm
from campaigns.models import Campaign
from contacts.models import Contact

# The letter is foreign HTML. In an opaque origin (sandbox) it can run nothing and reach nothing of ours.
LETTER_POLICY = (
    "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:"
)


def campaign_of(request: WorkspaceRequest, pk: int) -> Campaign:
    related = ("mailing", "from_address__sending_domain", "workspace", "people_set")
    rows = Campaign.objects.of(request.workspace).select_related(*related)
    return get_object_or_404(rows, pk=pk)


@requires(Can.VIEW)
@require_http_methods(["GET", "POST"])
def write(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    campaign = campaign_of(request, pk)
    if request.method == "POST":
        return save(request, pk)
    return render(request, "campaigns/write.html", _page(request, campaign, ContentForm(instance=campaign)))


def _page(request: WorkspaceRequest, campaign: Campaign, form: ContentForm) -> dict[str, object]:
    known = variables.of(request.workspace, campaign.language)
    return {
        "campaign": campaign,
        "form": form,
        "tab": "write",
        "starters": starters.all_of(campaign.language),
        "variables": known,
        "completions": variables.completions(known),
        "checks": preflight.of_content(campaign),
        **_preview(request, campaign),
    }


def _preview(request: WorkspaceRequest, campaign: Campaign) -> dict[str, object]:
    who = request.GET.get("who", "").strip()
    offered = samples.found(campaign, who) if who else samples.samples(campaign)
    contact, matched = _person(request, campaign), bool(offered)
    if who and matched and contact not in [sample.contact for sample in offered]:
        contact = offered[0].contact
    if contact and contact not in [sample.contact for sample in offered]:
        offered = [samples.Sample(contact, ""), *offered]
    return {
        "campaign": campaign,
        "preview": previewing.of(campaign, contact),
        "samples": offered,
        "who": who,
        "matched": matched,
        "part": request.GET.get("part", "html"),
        "width": request.GET.get("width", "full"),
        "scheme": request.GET.get("scheme", "light"),
    }


def _person(request: WorkspaceRequest, campaign: Campaign) -> Contact | None:
    contact = request.GET.get("contact", "")
    return samples.person(campaign, int(contact) if contact.isdecimal() else None)


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
        return _conflict(request, conflict.current, values)
    except editing.NotEditable:
        messages.error(
            request, _("This campaign is scheduled or sent: its text can no longer change. Nothing was saved.")
        )
        return _reload(request, pk)
    if not request.htmx:
        return redirect("campaigns:write", pk)
    response = render(request, "campaigns/_saved.html", {"campaign": saved, "checks": preflight.of_content(saved)})
    response.headers["HX-Trigger-After-Settle"] = "saved"
    return response


# Where an answer that is no "saved" goes: above the letter, which stays as it is.
TROUBLE = {"HX-Retarget": "#trouble", "HX-Reswap": "innerHTML"}


def _elsewhere(response: HttpResponse) -> HttpResponse:
    for name, value in TROUBLE.items():
        response.headers[name] = value
    return response


def _conflict(request: WorkspaceRequest, stored: Campaign, mine: dict[str, object]) -> HttpResponse:
    context = {"campaign": stored, "differences": _differences(mine, stored), "resend": _resend(mine)}
    template = "campaigns/_conflict.html" if request.htmx else "campaigns/conflict.html"
    response = render(request, template, context, status=409)
    return _elsewhere(response)


def _resend(mine: dict[str, object]) -> list[tuple[str, object]]:
    """The values as a form sends them."""
    return [(name, value.pk if isinstance(value, Model) else value or "") for name, value in mine.items()]


def _refused(request: WorkspaceRequest, form: ContentForm, pk: int) -> HttpResponse:
    stored = campaign_of(request, pk)
    if request.htmx:
        response = render(request, "campaigns/_not_saved.html", {"form": form}, status=422)
        return _elsewhere(response)
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
    starter = starters.get(request.POST.get("starter", ""))
    if starter is None:
        raise Http404
    try:
        editing.save(campaign, campaign.version, starter.values(campaign), request.user)
    except (editing.Conflict, editing.NotEditable):
        messages.error(request, _("Somebody else changed this campaign. The template was not used."))
    return redirect("campaigns:write", pk)


@requires(Can.WRITE_CAMPAIGNS)
@require_GET
def automatic_text(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The field of the plain-text part, filled with what is made from the HTML, to write on from there."""
    campaign = campaign_of(request, pk)
    form = ContentForm(instance=campaign, initial={"text": contents.automatic_text(campaign)})
    response = render(request, "campaigns/_text_field.html", {"campaign": campaign, "form": form, "loaded": True})
    return trigger_client_event(response, "input", {"target": "#id_text"}, after="settle")


@requires(Can.VIEW)
@require_GET
def preview(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The preview panel for one person: HTML (in a frame), text, headers or source."""
    return render(request, "campaigns/_preview.html", _preview(request, campaign_of(request, pk)))


@requires(Can.VIEW)
@require_GET
def letter(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The letter alone, for the preview's frame. Its links lead nowhere and nothing counts as opened."""
    campaign = campaign_of(request, pk)
    shown = previewing.of(campaign, _person(request, campaign))
    response = HttpResponse(shown.html if shown.problem is None else "")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
