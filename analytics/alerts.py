"""Alerts: what is wrong with a workspace's mail right now, looked at each minute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Workspace
from analytics import queue_page, telling
from analytics.alerting import Kind, Sign, decide
from analytics.groups import Group, group_of
from analytics.health import LOST, SILENT, TAKEN
from analytics.models import Alert
from analytics.queue_page import Standstill
from analytics.remedies import PROOFS
from campaigns.models import Campaign
from delivery import buckets, knowledge, mailings
from delivery.domain_records import Status
from delivery.models import Bucket, ListenerSeen, Mailing, ReturnMailbox, Route, SendingDomain, Site

if TYPE_CHECKING:
    Row = tuple[str, str, str, str, int, bool]

LATELY = timedelta(hours=2)  # what lasts is told by the newest mail
DAY = timedelta(days=1)
MOMENT = timedelta(minutes=2)
UNSEEN, WEEK = timedelta(minutes=5), timedelta(days=7)
CLOSINGS = 3  # of a route in a row: for seven minutes it has not answered
KEPT = timedelta(days=90)
OPEN = (Mailing.State.EXPANDING, Mailing.State.SENDING)

_DAY = """
    SELECT d.name, provider, outcome, cause, sum(n)::bigint, hour >= %(lately)s
    FROM analytics_healthhour h JOIN delivery_sendingdomain d ON d.id = h.sending_domain_id
    WHERE h.workspace_id = %(workspace)s AND h.sandbox = false AND hour >= %(since)s
    GROUP BY 1, 2, 3, 4, 6 HAVING sum(n) > 0
"""


def look(now: datetime | None = None) -> None:
    """One round over all workspaces; each in a transaction of its own, with the notices of what opened."""
    at = now or timezone.now()
    for key in Workspace.objects.order_by("pk").values_list("pk", flat=True):
        _look_at(key, at)
    Alert.objects.filter(closed_at__lt=at - KEPT).delete()


@transaction.atomic
def _look_at(key: int, now: datetime) -> None:
    # One at a time.
    workspace = Workspace.objects.select_for_update(of=("self",), no_key=True).filter(pk=key).first()
    if workspace is None:
        return
    known = {(one.kind, one.subject): one for one in Alert.objects.open_in(workspace)}
    made = decide(signs(workspace, now), {key: one.seen_at for key, one in known.items()}, now=now)
    for sign in made.kept:
        one = known[sign.key]
        one.part, one.whole, one.seen_at = sign.part, sign.whole, now
        one.save(update_fields=["part", "whole", "seen_at"])
    Alert.objects.filter(pk__in=[known[key].pk for key in made.closed]).update(closed_at=now)
    opened = [
        Alert.objects.create(
            workspace=workspace, kind=sign.kind, subject=sign.subject, part=sign.part, whole=sign.whole,
            opened_at=now, seen_at=now,
        )
        for sign in made.opened
    ]  # fmt: skip
    telling.in_app(workspace, opened)


def signs(workspace: Workspace, now: datetime) -> list[Sign]:
    rows = _rows(workspace, now)
    states = (_of_records(workspace), _of_providers(workspace), _of_campaigns(workspace))
    timed = (_of_routes(workspace, now), _of_inlets(workspace, now), _of_workers(workspace, now))
    return [*_of_mail(rows), *(sign for state in (*states, *timed) for sign in state)]


def _rows(workspace: Workspace, now: datetime) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(_DAY, {"workspace": workspace.pk, "since": now - DAY, "lately": now - LATELY})
        return list(cursor.fetchall())


def _of_mail(rows: list[Row]) -> Iterator[Sign]:
    """From the roll-ups: of the last hours by domain and by provider, of the last day by workspace."""
    parts: dict[tuple[Kind, str], int] = defaultdict(int)
    wholes: dict[tuple[Kind, str], int] = defaultdict(int)
    for domain, provider, outcome, cause, people, lately in rows:
        lost = outcome in LOST
        if outcome == "complaint":
            parts[Kind.COMPLAINTS, ""] += people
            continue
        wholes[Kind.ABSENT, ""] += people
        wholes[Kind.COMPLAINTS, ""] += people if outcome in TAKEN and provider not in SILENT else 0
        parts[Kind.ABSENT, ""] += people if lost and group_of(cause) is Group.ABSENT else 0
        if lately:
            wholes[Kind.PROOF, domain] += people
            wholes[Kind.BLOCKED, provider] += people
            parts[Kind.PROOF, domain] += people if lost and _unproved(cause) else 0
            parts[Kind.BLOCKED, provider] += people if lost and group_of(cause) is Group.SPAM else 0
    for kind, subject in wholes:
        yield Sign(kind, subject, parts[kind, subject], wholes[kind, subject])


def _unproved(cause: str) -> bool:
    known = knowledge.CAUSES.get(cause)
    return known is not None and known.category in PROOFS


def _of_records(workspace: Workspace) -> Iterator[Sign]:
    """Of the domains whose mail leaves."""
    live = SendingDomain.objects.of(workspace).filter(sandbox=False, live_at__isnull=False, verified_at__isnull=False)
    for domain in live:
        if domain.checks.get("dkim", {}).get("status") in (Status.MISSING, Status.DIFFERENT):
            yield Sign(Kind.RECORD, domain.name)


def _of_routes(workspace: Workspace, now: datetime) -> Iterator[Sign]:
    """Those that a mailing of this workspace waits for."""
    used = Route.objects.filter(mailings__workspace=workspace, mailings__state__in=OPEN).distinct()
    routes = {buckets.route_key(route.pk): route for route in used}
    shut = Bucket.objects.filter(key__in=routes, closed_until__gt=now, closings__gte=CLOSINGS)
    down = {routes[key].pk for key in shut.values_list("key", flat=True)}
    for route in routes.values():
        if route.pk in down or (route.paused_at and route.pause_reason != "manual"):
            yield Sign(Kind.ROUTE, str(route))


def _of_providers(workspace: Workspace) -> Iterator[Sign]:
    """Those that nobody paused: they refused us. Over the routes of this workspace's mailings."""
    used = Route.objects.filter(mailings__workspace=workspace, mailings__state__in=OPEN).distinct()
    begin = {buckets.route_key(pk) for pk in used.values_list("pk", flat=True)}
    held = Bucket.objects.filter(key__contains="/site:", paused_at__isnull=False, paused_by="")
    sites = {int(key.rpartition(":")[2]) for key in held.values_list("key", flat=True) if key.split("/")[0] in begin}
    for site in Site.objects.filter(pk__in=sites):
        yield Sign(Kind.PROVIDER, str(site)[:255])


def _of_campaigns(workspace: Workspace) -> Iterator[Sign]:
    paused = Campaign.objects.of(workspace).filter(mailing__state=Mailing.State.PAUSED)
    for campaign in paused.exclude(mailing__pause_reason=mailings.MANUAL):
        yield Sign(Kind.CAMPAIGN, f"{campaign.pk}:{campaign}"[:255])


def _of_inlets(workspace: Workspace, now: datetime) -> Iterator[Sign]:
    """Of the install, told where mail leaves: a listener that was here this week and is gone, a mailbox that fails."""
    if not SendingDomain.objects.of(workspace).filter(sandbox=False, live_at__isnull=False).exists():
        return
    last = ListenerSeen.objects.filter(seen_at__gt=now - WEEK).aggregate(last=Max("seen_at"))["last"]
    if last is not None and now - last > UNSEEN:
        yield Sign(Kind.INLET, "")
    failing = ReturnMailbox.objects.filter(enabled=True, looked_at__isnull=False).exclude(problem="")
    for mailbox in failing:
        yield Sign(Kind.INLET, str(mailbox))


def _of_workers(workspace: Workspace, now: datetime) -> Iterator[Sign]:
    """Not while a campaign has just begun: somebody takes it within moments."""
    begun = Mailing.objects.of(workspace).filter(state=Mailing.State.SENDING, started_at__lt=now - MOMENT)
    if not begun.exists():
        return
    if queue_page.look(workspace.pk, controls=False).standstill is Standstill.NO_SEND_WORKER:
        yield Sign(Kind.WORKERS, "")
