"""DMARC reports that somebody has in a mailbox of their own: added by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from delivery.dmarc import attached, storing
from delivery.dmarc.unpacking import MOST_XML
from delivery.models import SendingDomain
from delivery.views.settings import domain_of


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def add_report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown, file = domain_of(request, pk), request.FILES.get("file")
    if shown.sandbox:
        return HttpResponseBadRequest()
    if file is None:
        messages.error(request, _("Nothing was changed: choose a file first."))
        return redirect("delivery:domain", pk)
    said, done = _added(shown, file)
    (messages.success if done else messages.error)(request, said)
    return redirect("delivery:domain", pk)


def _added(domain: SendingDomain, file: UploadedFile[Any]) -> tuple[str, bool]:
    """What became of it, and whether it was counted."""
    found = attached.of_file(file.read(MOST_XML + 1), file.name or "")
    if found.report is None:
        why = _("Nothing was changed: it is too big to read.") if found.too_big else ""
        return why or _("Nothing was changed: the file is damaged, or no DMARC report."), False
    new = storing.upload(domain, found)
    names = {"org": found.report.org, "named": found.report.policy.domain}
    if new is None:
        return _("Nothing was changed: the report is about %(named)s, or older than a year.") % names, False
    if not new:
        return _("Nothing was changed: this report is known already, or its day has had as many as are kept."), False
    count = sum(row.count for row in found.report.rows)
    words = ngettext(
        "The report of %(org)s was added: %(n)s message.", "The report of %(org)s was added: %(n)s messages.", count
    )
    return words % {**names, "n": f"{count:,}"}, True
