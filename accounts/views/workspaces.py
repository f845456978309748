from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import audit
from accounts import setup as first_run
from accounts.forms import FirstWorkspaceForm, WorkspaceForm
from accounts.middleware import SESSION_KEY
from accounts.roles import Can, requires
from accounts.views.back import back_to


@requires(Can.VIEW, post=Can.MANAGE_WORKSPACE)
def settings(request: Any) -> HttpResponse:
    form = WorkspaceForm(request.POST or None, instance=request.workspace)
    if request.method == "POST" and form.is_valid():
        workspace = form.save()
        audit.record(request, workspace, "workspace.changed", workspace, fields=form.changed_data)
        messages.success(request, _("Saved."))
        return redirect("accounts:settings")
    return render(request, "accounts/settings.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
def workspaces(request: Any) -> HttpResponse:
    """All workspaces of this person; where someone lands who belongs to none, such as an owner amid set-up."""
    if not request.memberships and request.user.is_install_admin and first_run.needs_workspace():
        return redirect("accounts:setup")
    return render(request, "accounts/workspaces.html")


@requires(Can.MANAGE_INSTALL)
def new(request: Any) -> HttpResponse:
    """A further brand. Only for install administrators: it shares the routes of all others."""
    initial = {"language": request.user.language, "time_zone": request.user.time_zone, "sample_data": False}
    form = FirstWorkspaceForm(request.POST or None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/workspace_new.html", {"form": form}, status=422 if form.is_bound else 200)
    workspace = first_run.create_workspace(
        form.save(commit=False), by=request.user, sample_data=form.cleaned_data["sample_data"]
    )
    request.session[SESSION_KEY] = workspace.pk
    return redirect("/")


@login_required
@require_POST
def switch(request: Any) -> HttpResponse:
    """Work in another of one's workspaces. A page of the old one would be a 404 in the new: start at its front."""
    wanted = request.POST.get("workspace", "")
    for membership in request.memberships:
        if str(membership.workspace_id) == wanted:
            request.session[SESSION_KEY] = membership.workspace_id
            return back_to(request)
    raise Http404
