"""The live queue."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.roles import Can, WorkspaceRequest, requires
from analytics.queue_page import look


@requires(Can.VIEW)
@require_GET
def queue(request: WorkspaceRequest) -> HttpResponse:
    """Who looks after the install sees the sum of all workspaces; others only what is theirs."""
    everything = request.can(Can.MANAGE_INSTALL)
    found = look(None if everything else request.workspace.pk, controls=everything)
    template = "analytics/_queue.html" if request.headers.get("X-Poll") else "analytics/queue.html"
    return render(request, template, {"queue": found, "everything": everything})
