"""Warm-up plans of a route: begun or changed, paused, removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from delivery import warmups
from delivery.forms import WarmUpForm
from delivery.models import Route, WarmUp
from delivery.views.settings import route_page


@requires(Can.MANAGE_INSTALL)
@require_POST
def save(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One plan for the whole route, and with direct delivery one for each provider."""
    route = get_object_or_404(Route.objects.exclude(kind=Route.Kind.SANDBOX), pk=pk)
    form = WarmUpForm(request.POST, route=route, prefix="warm")
    if not form.is_valid():
        return route_page(request, route, warm_up_form=form)
    warmups.save(route, form.cleaned_data["provider"], actor=request, **form.values())
    messages.success(request, _("Saved. It holds for every worker within half a minute."))
    return redirect("delivery:route", pk)


@requires(Can.MANAGE_INSTALL)
@require_POST
def pause(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Or go on, if it is paused."""
    plan = get_object_or_404(WarmUp.objects.select_related("route", "site"), pk=pk)
    if plan.paused_at is None:
        warmups.pause(plan, actor=request)
    else:
        warmups.resume(plan, actor=request)
    return redirect("delivery:route", plan.route_id)


@requires(Can.MANAGE_INSTALL)
@require_POST
def remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    plan = get_object_or_404(WarmUp.objects.select_related("route", "site"), pk=pk)
    warmups.remove(plan, actor=request)
    messages.success(request, _("The plan is gone: nothing is capped by it any more."))
    return redirect("delivery:route", plan.route_id)
