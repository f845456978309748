"""One message, and the people of a mailing by what happened to them."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages as notes
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts import audit
from accounts.roles import Can, WorkspaceRequest, requires
from contacts.cells import csv_lines
from delivery import copies, mailings, message_page, people, providers
from delivery.models import Exclusion, IncomingReport, Mailing, Message, MessageState
from delivery.queue.counts import counts
from delivery.views.mailbox import LETTER_POLICY

MOST_REPORTS = 10  # of one message
SHOWN_COPY = LETTER_POLICY.replace("sandbox allow-popups allow-popups-to-escape-sandbox", "sandbox")


def message_of(request: WorkspaceRequest, pk: int) -> Message:
    rows = Message.objects.filter(mailing__workspace=request.workspace, mailing__kind__in=message_page.SHOWN_KINDS)
    related = ("contact", "domain__site", "mailing__as_contact", "mailing__content", "mailing__workspace")
    return get_object_or_404(rows.select_related(*related, "mailing__from_address__sending_domain"), pk=pk)


def mailing_of(request: WorkspaceRequest, pk: int) -> Mailing:
    rows = Mailing.objects.of(request.workspace).filter(kind__in=message_page.SHOWN_KINDS)
    return get_object_or_404(rows, pk=pk)


@requires(Can.VIEW)
@require_GET
def message(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = message_of(request, pk)
    part = request.GET.get("part", "story")
    outcome = "bounced" if shown.bounced_at else people.OF_STATE[MessageState(shown.state)]
    reports = IncomingReport.objects.filter(message_id=shown.pk).defer("raw_sealed").order_by("pk")[:MOST_REPORTS]
    context = {
        "story": message_page.story(shown), "part": part, "copy": None, "outcome": outcome, "reports": reports,
    }  # fmt: skip
    if part != "story":
        context["copy"] = copies.copy_of(shown, timezone.now())
    return render(request, "delivery/message.html", context)


@requires(Can.VIEW)
@require_GET
def copy(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The HTML of the exact copy, for the page's frame: links inert, no pixel asked for."""
    built = copies.copy_of(message_of(request, pk), timezone.now())
    response = HttpResponse(copies.inert(built.part("html")) if built else "")
    response.headers["Content-Security-Policy"] = SHOWN_COPY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@requires(Can.VIEW)
@require_GET
def list_people(request: WorkspaceRequest, pk: int) -> HttpResponse:
    mailing = mailing_of(request, pk)
    outcome, cause = request.GET.get("outcome", "failed"), request.GET.get("cause", "")[:80]
    after = request.GET.get("after", "")
    if outcome not in people.OUTCOMES:
        raise Http404
    provider = _provider(request, outcome)
    start = int(after) if after.isdecimal() else 0
    page = people.people(mailing, outcome, cause=cause, provider=provider, after=start)
    counted = counts(mailing)
    context = {
        "mailing": mailing,
        "page": page,
        "outcome": outcome,
        "outcomes": [
            (one, counted.excluded_total if one == "excluded" else getattr(counted, one)) for one in people.OUTCOMES
        ],
        "cause": cause,
        "provider": provider,
        "filtered": _filter_words(outcome, cause),
        "first": not after,
    }
    return render(request, "delivery/people.html", context)


def _provider(request: WorkspaceRequest, outcome: str) -> str:
    """The one that the page is of; "" for all."""
    provider = request.GET.get("provider", "") if outcome in people.BY_EXCEPTION else ""
    if not providers.known(provider):
        raise Http404
    return provider


def _filter_words(outcome: str, cause: str) -> str:
    """What the rows have in common: a cause, or why they were left out."""
    if outcome == "excluded":
        return str(dict(Exclusion.Reason.choices).get(cause, cause))
    explanation = message_page.explanation_of(cause)
    return explanation.title if explanation else cause


VERBS = {
    "release": (
        mailings.release_held,
        ngettext_lazy("%(n)s person is tried again.", "%(n)s people are tried again.", "count"),
    ),
    "drop": (
        mailings.drop_held,
        ngettext_lazy("%(n)s person will not get it.", "%(n)s people will not get it.", "count"),
    ),
}


@requires(Can.SEND)
@require_POST
def decide(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What a person decides about the held. Nothing of this happens by itself."""
    mailing = mailing_of(request, pk)
    verb = request.POST.get("verb", "")
    if verb not in VERBS:
        raise Http404
    act, words = VERBS[verb]
    number = act(mailing)
    audit.record(request, request.workspace, f"mailing.{verb}", mailing, people=number)
    notes.success(request, words % {"count": number, "n": f"{number:,}"})
    return redirect(mailing.page or reverse("delivery:people", args=[pk]))


@requires(Can.VIEW)
@require_GET
def list_replies(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What their servers said, word for word."""
    mailing = mailing_of(request, pk)
    outcome, cause = request.GET.get("outcome", "failed"), request.GET.get("cause", "")[:80]
    after = request.GET.get("after", "")
    if outcome not in people.BY_EXCEPTION:
        raise Http404
    said, more = people.replies(mailing, outcome, cause=cause, after=int(after) if after.isdecimal() else 0)
    explanation = message_page.explanation_of(cause)
    context = {
        "mailing": mailing,
        "said": said,
        "more": more,
        "outcome": outcome,
        "cause": cause,
        "explanation": explanation,
    }
    return render(request, "delivery/replies.html", context)


@requires(Can.VIEW)
@require_GET
def export_people(request: WorkspaceRequest, pk: int) -> StreamingHttpResponse | HttpResponse:
    mailing = mailing_of(request, pk)
    outcome, cause = request.GET.get("outcome", "failed"), request.GET.get("cause", "")[:80]
    if outcome not in people.OUTCOMES:
        raise Http404
    lines = csv_lines(COLUMNS, _rows(mailing, outcome, cause, _provider(request, outcome)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{outcome}-{mailing.pk}.csv"'
    return response


COLUMNS = ("address", "name", "outcome", "cause", "attempts", "provider")


def _rows(mailing: Mailing, outcome: str, cause: str, provider: str) -> Iterator[tuple[object, ...]]:
    """Page after page, so that memory stays flat."""
    after: int | None = 0
    while after is not None:
        page = people.people(mailing, outcome, cause=cause, provider=provider, after=after, limit=1000)
        for one in page.people:
            yield one.rcpt, one.name, one.state, one.cause, one.attempts, one.provider
        after = page.after
