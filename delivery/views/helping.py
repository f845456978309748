"""Help on delivery: how mail travels, how to read a reply, every cause of failure."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.roles import Can, WorkspaceRequest, requires
from delivery import help_page


@requires(Can.VIEW)
@require_GET
def guide(request: WorkspaceRequest) -> HttpResponse:
    question = request.GET.get("q", "").strip()[: help_page.LONGEST_QUESTION]
    meant = help_page.read(question)
    found = help_page.groups(question) if question and not meant else []
    context = {"question": question, "meant": meant, "found": found}
    if request.htmx:
        return render(request, "delivery/_found.html", context)
    return render(request, "delivery/help.html", {**context, "everything": help_page.groups()})


@requires(Can.VIEW)
@require_GET
def cause(request: WorkspaceRequest, cause: str) -> HttpResponse:
    answer = help_page.answer_of(cause)
    if answer is None:
        raise Http404
    context = {"answer": answer, "replies": help_page.replies(cause)}
    return render(request, "delivery/help_cause.html", context)
