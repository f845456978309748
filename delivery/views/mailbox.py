"""The sandbox mailbox pages."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from delivery import mailbox
from delivery.models import SandboxMail

# The letter is foreign HTML: no script, no form, an opaque origin. Its links open in a new tab, its pictures load.
LETTER_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src https: http: data:; "
    "style-src 'unsafe-inline'; font-src https: data:"
)


def mail_of(request: WorkspaceRequest, pk: int) -> SandboxMail:
    mail = mailbox.find(request.workspace, pk, notices=request.can(Can.MANAGE_INSTALL))
    if mail is None:
        raise Http404
    return mail


@requires(Can.VIEW)
@require_GET
def sandbox(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    words, before = request.GET.get("q", "").strip()[:200], request.GET.get("before", "")
    page = mailbox.page(
        request.workspace,
        words=words,
        before=int(before) if before.isdecimal() else None,
        notices=request.can(Can.MANAGE_INSTALL),
    )
    letter = mailbox.read(mail_of(request, pk)) if pk else None
    context = {"page": page, "letter": letter, "words": words, "part": request.GET.get("part", "html")}
    if request.htmx and request.htmx.target == "mails":
        return render(request, "delivery/_mails.html", context)
    return render(request, "delivery/sandbox.html", context)


@requires(Can.VIEW)
@require_GET
def letter(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The HTML as it was received, for the reader's frame; its links open outside of it."""
    read = mailbox.read(mail_of(request, pk))
    response = HttpResponse('<base target="_blank">' + read.html)
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@requires(Can.WRITE_CONTACTS)
@require_POST
def complain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    if mailbox.complain(mailbox.read(mail_of(request, pk))):
        messages.success(request, _("Reported as spam, as a reader would: the report of the campaign counts it."))
    else:
        messages.info(request, _("This was reported before, or the mail belongs to nobody."))
    return redirect("delivery:sandbox_mail", pk)
