"""Campaigns: find one, start one, copy one, throw one away."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from campaigns import again, editing, listing
from campaigns.models import Campaign
from delivery import providers


@requires(Can.VIEW)
@require_GET
def campaigns(request: WorkspaceRequest) -> HttpResponse:
    tab, words = request.GET.get("status", "all"), request.GET.get("q", "").strip()[:200]
    before = request.GET.get("before", "")
    found = listing.page(request.workspace, tab=tab, words=words, before=int(before) if before.isdecimal() else None)
    polled = "X-Poll" in request.headers
    context = {"page": found, "tab": tab, "words": words, "oob": polled}
    if request.htmx and not request.htmx.boosted and not polled:
        return render(request, "campaigns/_rows.html", context)
    template = "campaigns/_moved.html" if polled else "campaigns/list.html"
    return render(request, template, {**context, "tabs": listing.tabs(request.workspace)})


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def new(request: WorkspaceRequest) -> HttpResponse:
    return redirect("campaigns:write", editing.create(request.workspace, request.user).pk)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def duplicate(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.of(request.workspace), pk=pk)
    copy = editing.duplicate(campaign, request.user)
    messages.success(request, _("A copy was made. Choose its audience before you send it."))
    return redirect("campaigns:write", copy.pk)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def send_again(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """A draft for the people of one outcome, of one cause and at one provider if so wished. Nothing is sent by it."""
    campaign = get_object_or_404(Campaign.objects.of(request.workspace), pk=pk)
    outcome, cause = request.POST.get("outcome", ""), request.POST.get("cause", "")[:80].replace("\0", "")
    provider = request.POST.get("provider", "")
    if outcome not in again.OUTCOMES or not providers.known(provider):
        raise Http404
    try:
        draft, new = again.choose(campaign, outcome, cause, provider, by=request.user, actor=request)
    except (again.NotSent, again.Nobody):
        messages.error(request, _("No one is in this group any more. No draft was made."))
        return redirect("campaigns:report", pk)
    if new:
        messages.success(request, _("A draft for these people was made. Nothing is sent before you say so."))
    else:
        messages.info(request, _("There is a draft for these people already. Delete it to choose them anew."))
    return redirect("campaigns:send", draft.pk)


@requires(Can.WRITE_CAMPAIGNS)
@require_POST
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.of(request.workspace), pk=pk)
    if not editing.delete(campaign, request.user):
        messages.error(request, _("Only a draft can be deleted. Nothing was changed."))
        return redirect("campaigns:report", pk)
    messages.success(request, _("The draft “%(name)s” was deleted.") % {"name": campaign})
    return redirect("campaigns:list")
