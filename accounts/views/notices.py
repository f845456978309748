from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import notices as verbs
from accounts.middleware import SESSION_KEY
from accounts.models import Notice
from accounts.paging import page_of
from accounts.views.back import back_to

PAGE = 30


@login_required
def notices(request: Any) -> HttpResponse:
    page = page_of(verbs.of(request.user), request.GET, size=PAGE)
    return render(request, "accounts/notices.html", {"rows": _worded(page.rows), "page": page})


def _worded(rows: list[Notice]) -> list[dict[str, Any]]:
    return [{"notice": notice, "text": verbs.text(notice)} for notice in rows]


@login_required
@require_POST
def follow(request: Any, notice: int) -> HttpResponse:
    """Mark it read and go where it points, in its workspace."""
    row = get_object_or_404(verbs.of(request.user), pk=notice)
    verbs.mark_read(request.user, row.pk)
    request.session[SESSION_KEY] = row.workspace_id
    return redirect(row.url or "accounts:notices")


@login_required
@require_POST
def read_all(request: Any) -> HttpResponse:
    verbs.mark_read(request.user)
    return back_to(request, "accounts:notices")
