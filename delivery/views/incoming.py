"""What came back, and the addresses that wait for a person."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.paging import page_of
from accounts.roles import Can, WorkspaceRequest, requires
from contacts.models import Suppression
from delivery import brakes, stopping
from delivery.bounces import page
from delivery.held import held
from delivery.message_page import SHOWN_KINDS
from delivery.models import AddressFailure, IncomingReport, Message

PAGE = 50


@requires(Can.VIEW)
@require_GET
def list_reports(request: WorkspaceRequest) -> HttpResponse:
    """Newest first. What nobody signed belongs to no workspace: the install's administrators see it."""
    everything = request.can(Can.MANAGE_INSTALL)
    nobodys = everything and request.GET.get("of") == "nobody"
    rows = IncomingReport.objects.defer("raw_sealed").filter(workspace=None if nobodys else request.workspace)
    found = page_of(rows, request.GET, size=PAGE)
    waits = AddressFailure.objects.filter(workspace=request.workspace, state=AddressFailure.State.HELD).exists()
    context = {
        "page": found, "items": page.items(found.rows), "nobodys": nobodys, "everything": everything, "held": waits,
    }  # fmt: skip
    return render(request, "delivery/reports.html", context)


@requires(Can.VIEW)
@require_GET
def report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    rows = IncomingReport.objects.filter(workspace=request.workspace)
    if request.can(Can.MANAGE_INSTALL):
        rows = rows | IncomingReport.objects.filter(workspace=None)
    (item,) = page.items([get_object_or_404(rows, pk=pk)])
    return render(request, "delivery/report.html", {"item": item})


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
@require_http_methods(["GET", "POST"])
def held_stops(request: WorkspaceRequest) -> HttpResponse:
    """The addresses that would have been stopped, if there were not suspiciously many. `do` is stop or dismiss."""
    if request.method == "POST":
        return _decide(request)
    rows = AddressFailure.objects.filter(workspace=request.workspace, state=AddressFailure.State.HELD)
    reasons = dict(Suppression.Reason.choices)
    found = page_of(rows, request.GET, size=PAGE)
    summary = held(request.workspace)
    keys = [row.message_id for row in found.rows]
    shown = set(Message.objects.filter(pk__in=keys, mailing__kind__in=SHOWN_KINDS).values_list("pk", flat=True))
    context = {
        "page": found,
        "rows": [{"row": row, "reason": reasons[row.reason], "linked": row.message_id in shown} for row in found.rows],
        "held": summary,
        "groups": [(one, reasons[one.reason]) for one in summary.groups],
        "percent": brakes.of(request.workspace).stops,
    }
    return render(request, "delivery/held_stops.html", context)


def _decide(request: WorkspaceRequest) -> HttpResponse:
    do = request.POST.get("do")
    if do not in ("stop", "dismiss"):
        return HttpResponseBadRequest()
    if stopping.decide(request.workspace, stop=do == "stop", actor=request):
        done = _("They are being stopped.") if do == "stop" else _("Nothing is held against them; mail goes to them.")
        messages.success(request, done)
    return redirect("delivery:held_stops")
