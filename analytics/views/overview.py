"""Overview, the first page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.roles import Can, WorkspaceRequest, requires
from analytics.overview import overview as look


@requires(Can.VIEW)
@require_GET
def overview(request: WorkspaceRequest) -> HttpResponse:
    context = {"overview": look(request.workspace)}
    template = "analytics/_overview.html" if request.headers.get("X-Poll") else "analytics/overview.html"
    return render(request, template, context)
