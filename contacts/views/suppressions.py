"""Stopped addresses: why, since when, and what may be released."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts import audit
from accounts.paging import page_of
from accounts.roles import Can, requires
from contacts import counts, standing, subscriptions, timeline
from contacts.addresses import key_of
from contacts.forms import NoteForm, SuppressionForm
from contacts.models import Contact, Suppression

PAGE = 50


@requires(Can.VIEW, post=Can.WRITE_CONTACTS)
def suppressions(request: Any) -> HttpResponse:
    """The stopped addresses, newest first, and a form that stops one more."""
    form = SuppressionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _add(request, form)
    reason, words = request.GET.get("reason", ""), request.GET.get("q", "").replace("\0", "").strip().lower()
    rows = Suppression.objects.of(request.workspace).active().select_related("created_by")
    rows = rows.filter(reason=reason) if reason in Suppression.Reason.values else rows
    rows = rows.filter(address_key__startswith=key_of(words) or words) if words else rows
    page = page_of(rows, request.GET, size=PAGE)
    by_reason = _by_reason(request.workspace)
    context = {
        "page": page,
        "rows": _rows(request.workspace.pk, page.rows),
        "by_reason": by_reason,
        "total": sum(row["n"] for row in by_reason),
        "reason": reason,
        "words": words,
        "form": form,
        "section": "suppressions",
    }
    status = 422 if form.errors else 200
    return render(request, "contacts/suppressions.html", context, status=status)


def _by_reason(workspace: Any) -> list[dict[str, Any]]:
    found = counts.suppressed(workspace)
    rows = [{"reason": reason, "label": reason.label, "n": found.get(reason, 0)} for reason in Suppression.Reason]
    return [row for row in rows if row["n"]]


def _rows(workspace_id: int, rows: list[Suppression]) -> list[dict[str, Any]]:
    keys = [row.address_key for row in rows]
    people = {c.address_key: c for c in Contact.objects.of(workspace_id).filter(address_key__in=keys)}
    return [
        {
            "row": row,
            "contact": people.get(row.address_key),
            "remedy": standing.remedy_of(row.reason),
            "source": timeline.source_words(row.source),
            "note": row.note or row.detail.get("reply", ""),
            "message": row.detail.get("message"),
            "report": row.detail.get("report"),
        }
        for row in rows
    ]


def _add(request: Any, form: SuppressionForm) -> HttpResponse:
    data = form.cleaned_data
    stopped = subscriptions.suppress(
        request.workspace, data["address"].key, data["reason"], source="page", note=data["note"], actor=request.user
    )
    words = {"address": data["address"].address}
    if stopped:
        audit.record(request, request.workspace, "suppression.added", data["address"].key, reason=data["reason"])
        messages.success(request, _("No mail goes to %(address)s any more.") % words)
    else:
        messages.info(request, _("Mail to %(address)s was stopped already, for this or a graver reason.") % words)
    return redirect("contacts:suppressions")


@requires(Can.WRITE_CONTACTS)
def release(request: Any, suppression: int) -> HttpResponse:
    """Let mail go there again, with the proof. What the person did is theirs to take back."""
    row = get_object_or_404(Suppression.objects.of(request.workspace), pk=suppression)
    form = NoteForm(request.POST or None)
    form.fields["note"].label = _("How do you know that mail may go there?")
    if request.method == "POST" and form.is_valid():
        if subscriptions.release(
            request.workspace, row.address_key, note=form.cleaned_data["note"], actor=request.user
        ):
            audit.record(request, request.workspace, "suppression.released", row.address_key, reason=row.reason)
            messages.success(request, _("Mail may go to %(address)s again.") % {"address": row.address_key})
        else:
            messages.error(request, _("Nothing was released: only the person can take this back."))
        return redirect("contacts:suppressions")
    context = {
        "row": row,
        "message": row.detail.get("message"),
        "form": form,
        "open": row.released_at is None and standing.remedy_of(row.reason) != "person",
        "section": "suppressions",
    }
    return render(request, "contacts/release.html", context, status=422 if form.errors else 200)
