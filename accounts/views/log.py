from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from accounts import audit
from accounts.models import AuditEntry
from accounts.paging import page_of
from accounts.roles import Can, requires

PAGE = 50


@requires(Can.SEE_AUDIT)
def log(request: Any) -> HttpResponse:
    """Newest first, by keyset: page 1,000 costs what page 1 costs."""
    entries = AuditEntry.objects.filter(_visible(request)).select_related("actor", "api_key")
    action, who = request.GET.get("action", ""), request.GET.get("who", "").strip()
    if action:
        entries = entries.filter(action=action)
    if who:
        entries = entries.filter(actor_label__icontains=who)
    page = page_of(entries, request.GET, size=PAGE)
    rows = [
        {"entry": entry, "title": audit.title(entry.action), "details": list(audit.details(entry))}
        for entry in page.rows
    ]
    context = {"rows": rows, "page": page, "actions": audit.actions(), "action": action, "who": who}
    return render(request, "accounts/audit.html", context)


def _visible(request: Any) -> Q:
    """The workspace's entries; for administrators of the install also those that belong to none."""
    own = Q(workspace=request.workspace)
    return own | Q(workspace=None) if request.can(Can.MANAGE_INSTALL) else own
