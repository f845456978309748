"""The live part of a campaign's report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from accounts.roles import Can, WorkspaceRequest, requires
from analytics import charts, remedies, reports
from campaigns.models import Campaign
from contacts.cells import csv_lines
from delivery.models import Mailing

SHOWN = ("mailing__from_address__sending_domain", "scheduled_by")


def campaign_of(request: WorkspaceRequest, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.of(request.workspace).select_related(*SHOWN), pk=pk)


@requires(Can.VIEW)
@require_GET
def report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The section that the page asks for again and again, with the header beside it; unchanged, it costs a 304."""
    campaign = campaign_of(request, pk)
    mailing = campaign.mailing
    if mailing is None or mailing.state == Mailing.State.WAITING:
        told = repr((campaign.status, campaign.send_at)).encode()
        return _unless_known(request, "analytics/_scheduled.html", {"campaign": campaign}, told)
    made = reports.report(mailing)
    context = {
        "campaign": campaign,
        "report": made,
        "chart": charts.outcomes(made.minutes, mailing.state, now=made.at),
        "causes": remedies.beside(made, campaign, request.can),
        "pause_remedy": remedies.of_pause(campaign, mailing, request.can),
    }
    return _unless_known(request, "analytics/_report.html", context, _stable(made))


def _unless_known(request: WorkspaceRequest, template: str, context: dict[str, object], told: bytes) -> HttpResponse:
    """304 for a browser that has this already: for this reader, whose buttons and form tokens it holds."""
    get_token(request)  # the secret behind it is another one after each sign-in
    secret, zone = request.META["CSRF_COOKIE"], timezone.get_current_timezone_name()
    reader = (secret, request.membership.role, get_language(), zone)
    tag = f'"{hashlib.sha256(told + repr(reader).encode()).hexdigest()[:24]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304)
    response = render(request, template, context)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _stable(made: reports.Report) -> bytes:
    """What the page shows, without the clock."""
    told = (made.mailing.state, made.counts, made.minutes, made.providers, made.causes, made.deeds, made.links)
    closed = (made.routes, made.closed_providers, made.slower, made.paused, made.warm_up)
    return repr((*told, *closed, made.give_up_at, made.live)).encode()


@requires(Can.VIEW)
@require_GET
def export(request: WorkspaceRequest, pk: int) -> StreamingHttpResponse:
    """The figures as CSV: causes and codes by provider. Who bounced later is one of the delivered."""
    mailing = campaign_of(request, pk).mailing
    if mailing is None:
        raise Http404
    lines = csv_lines(("group", "name", "detail", "people"), _rows(reports.report(mailing)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="report-{pk}.csv"'
    return response


OUTCOMES = ("delivered", "bounced", "retrying", "failed", "waiting", "on_the_way", "unknown", "held", "not_sent")


def _rows(made: reports.Report) -> Iterator[tuple[object, ...]]:
    for name in OUTCOMES:
        yield "outcome", name, "", getattr(made.counts, name)
    for excluded in made.excluded:
        yield "excluded", excluded.reason, "", excluded.people
    for row in made.causes:
        for code, people in row.codes or [("", row.people)]:
            yield row.outcome, row.cause, code, people
    for deed, people in made.deeds.items():
        yield "deed", deed.value, "", people
    for link in made.links:
        yield "link", link.url, link.number, link.people
