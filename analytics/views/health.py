"""Delivery health."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.contrib import messages as notes
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.roles import Can, WorkspaceRequest, requires
from analytics import advice, changes, codes, folding, health, health_words, proofs, remedies, telling, waiting
from analytics.advice import Asked
from analytics.alert_words import told
from analytics.codes import Code
from analytics.groups import GRAVE, YOURS, Group
from analytics.health import Choice, Health
from analytics.models import Alert
from analytics.queue_page import ALIVE_SECONDS
from analytics.remedies import Remedy
from campaigns.models import Campaign
from contacts.cells import csv_lines
from delivery import providers
from delivery.models import SendingDomain

OFFERED = 50  # campaigns, newest first


def choice_of(request: WorkspaceRequest) -> Choice:
    """What the query string asks for; without live mail the sandbox's figures are an example. Raises Http404."""
    asked = request.GET
    days = next((one for one in health.PERIODS if str(one) == asked.get("days")), health.USUAL)
    sandbox = asked.get("domain") == "sandbox" or not health.any_mail(request.workspace, sandbox=False)
    return Choice(
        workspace=request.workspace,
        days=days,
        sandbox=sandbox,
        until=timezone.now(),
        domain=_domain(request, asked.get("domain", "")),
        mailing=_mailing(request, asked.get("campaign", "")),
    )


def _domain(request: WorkspaceRequest, asked: str) -> int | None:
    if not asked.isdecimal():
        return None
    found = SendingDomain.objects.of(request.workspace).filter(pk=asked[:18]).first()
    if found is None:
        raise Http404
    return found.pk


def _mailing(request: WorkspaceRequest, asked: str) -> int | None:
    if not asked.isdecimal():
        return None
    found = Campaign.objects.of(request.workspace).filter(pk=asked[:18], mailing__isnull=False).first()
    if found is None:
        raise Http404
    return found.mailing_id


@requires(Can.VIEW)
@require_GET
def page(request: WorkspaceRequest) -> HttpResponse:
    choice = choice_of(request)
    context = {"choice": choice, "asked": request.GET, "now": choice.until}
    context |= _filters(request, choice) | _figures(request, choice) | _alerts(request)
    template = "analytics/_health.html" if request.headers.get("X-Poll") else "analytics/health.html"
    return render(request, template, context)


def _filters(request: WorkspaceRequest, choice: Choice) -> dict[str, Any]:
    """What can be chosen, and whether there is anything to choose from."""
    live = not choice.sandbox or health.any_mail(request.workspace, sandbox=False)
    begun = Campaign.objects.of(request.workspace).filter(
        mailing__started_at__isnull=False, mailing__from_address__sending_domain__sandbox=choice.sandbox
    )
    return {
        "live": live,
        "empty": not live and not health.any_mail(request.workspace, sandbox=True),
        "periods": health.PERIODS,
        "campaigns": begun.order_by("-pk")[:OFFERED],
        "domains": SendingDomain.objects.of(request.workspace).filter(sandbox=False, verified_at__isnull=False),
    }


def _figures(request: WorkspaceRequest, choice: Choice) -> dict[str, Any]:
    made, changed = health.look(choice), changes.changes(choice)
    return {
        "health": made,
        "advice": [(one, _remedy(request, one)) for one in advice.advice(choice, asked_of(request) or _worst(made))],
        "grave": GRAVE,
        "waiting": waiting.waiting(choice, changed),
        "proofs": [] if choice.mailing else proofs.proofs(choice),
        "changes": changed,
    }


def _alerts(request: WorkspaceRequest) -> dict[str, Any]:
    age = folding.tick_age()
    return {
        "alerts": [told(one, request.workspace) for one in Alert.objects.open_in(request.workspace)],
        "behind": age if age is not None and age > ALIVE_SECONDS else None,
        "mailed": telling.of(request.membership).wanted if request.can(Can.SEND) else None,
    }


def asked_of(request: WorkspaceRequest) -> Asked:
    """Raises Http404 for a group or provider that there is not."""
    asked = Asked(**{name: request.GET.get(name, "")[:80] for name in ("cause", "group", "provider")})
    if asked.group not in ("", *Group) or not providers.known(asked.provider):
        raise Http404
    return asked


def _worst(made: Health) -> Asked:
    """Unasked, the page shows what nobody but its reader can end, or else what most people failed for."""
    ranked = sorted(made.causes, key=lambda row: (row.group not in GRAVE, row.group not in YOURS, -row.people))
    return Asked(cause=ranked[0].cause) if ranked else Asked(cause="-")


def _remedy(request: WorkspaceRequest, one: advice.Advice) -> Remedy | None:
    return remedies.of_cause(one.cause, one.campaigns[0].campaign, request.can) if one.campaigns else None


@requires(Can.SEND)
@require_POST
def mail(request: WorkspaceRequest) -> HttpResponse:
    """Whether this person gets mail about alerts of this workspace."""
    state = telling.of(request.membership)
    state.wanted = request.POST.get("wanted") == "1"
    state.save(update_fields=["wanted"])
    said = _("You get a mail about alerts.") if state.wanted else _("You get no more mail about alerts.")
    notes.success(request, said)
    return redirect("analytics:health")


@requires(Can.VIEW)
@require_GET
def replies(request: WorkspaceRequest) -> HttpResponse:
    """What their servers said about one cause: each kind of reply once."""
    choice, asked = choice_of(request), asked_of(request)
    found = advice.advice(choice, Asked(cause=asked.cause, provider=asked.provider)) if asked.cause else []
    if not found:
        return redirect("analytics:health")
    return render(request, "analytics/health_replies.html", {"choice": choice, "one": found[0], "asked": asked})


@requires(Can.VIEW)
@require_GET
def list_codes(request: WorkspaceRequest) -> HttpResponse:
    choice, asked = choice_of(request), asked_of(request)
    rows = _codes(choice, asked)
    context = {"choice": choice, "codes": rows, "asked": asked, "total": sum(row.people for row in rows)}
    return render(request, "analytics/health_codes.html", context)


@requires(Can.VIEW)
@require_GET
def export(request: WorkspaceRequest) -> StreamingHttpResponse:
    """The table of codes as CSV, times in UTC."""
    rows = _codes(choice_of(request), asked_of(request))
    response = StreamingHttpResponse(csv_lines(COLUMNS, map(_exported, rows)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="delivery-health.csv"'
    return response


def _codes(choice: Choice, asked: Asked) -> list[Code]:
    """Those of a cause, and of a provider that has a name."""
    provider = "" if asked.provider == providers.OTHER else asked.provider
    rows = codes.codes(choice)
    return [row for row in rows if asked.cause in ("", row.cause) and provider in ("", row.provider)]


COLUMNS = ("code", "provider", "group", "cause", "title", "people", "first_seen", "last_seen")


def _exported(row: Code) -> tuple[object, ...]:
    times = (at.astimezone(UTC).isoformat(timespec="seconds") if at else "" for at in (row.first_at, row.last_at))
    return (row.code, row.provider, str(row.group), row.cause, health_words.title_of(row.cause), row.people, *times)
