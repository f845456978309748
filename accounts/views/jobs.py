from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import audit
from accounts import jobs as verbs
from accounts.models import Job
from accounts.roles import Can, refuse, requires
from accounts.views.back import back_to


@requires(Can.VIEW)
def job(request: Any, job: int) -> HttpResponse:
    """The bar, which asks again until the job is over; as a page of its own when opened as one."""
    row = get_object_or_404(Job.objects.of(request.workspace), pk=job)
    template = "accounts/_job.html" if request.htmx else "accounts/job.html"
    return render(request, template, {"job": row})


@requires(Can.VIEW)
@require_POST
def cancel(request: Any, job: int) -> HttpResponse:
    row = get_object_or_404(Job.objects.of(request.workspace), pk=job)
    needed = verbs.kind_of(row).cancel
    if not request.can(needed):
        return refuse(request, needed)
    if verbs.cancel(row):
        audit.record(request, request.workspace, "job.cancelled", row, kind=row.kind)
    return back_to(request, reverse("accounts:job", args=[row.pk]))
