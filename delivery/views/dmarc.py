"""DMARC reports that somebody has in a mailbox of their own: added by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from delivery.dmarc import attached, storing
from delivery.dmarc.unpacking import MOST_XML
from delivery.models import SendingDomain
from delivery.views.settings import domain_of


class Cut(FileUploadHandler):
    """The first of the handlers: drops a file that is larger than is ever read. The request is read to its end, so that
    the browser gets the page."""

    too_big = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start > MOST_XML:
            self.too_big = True
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


# The handler must stand before the form is read, and the check of the CSRF token reads it: the token is checked inside.
@csrf_exempt
@requires(Can.MANAGE_WORKSPACE)
@require_POST
def add_report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    cut = Cut(request)
    request.upload_handlers.insert(0, cut)
    return _add_report(request, pk, cut)


@csrf_protect
def _add_report(request: WorkspaceRequest, pk: int, cut: Cut) -> HttpResponse:
    shown, file = domain_of(request, pk), request.FILES.get("file")
    if shown.sandbox:
        return HttpResponseBadRequest()
    if file is None:
        too_big, none = _("Nothing was changed: it is too big to read."), _("Nothing was changed: choose a file first.")
        messages.error(request, too_big if cut.too_big else none)
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
