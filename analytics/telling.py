"""Tells people of alerts: at once in the app, and by mail as a digest, at most one an hour and none at night.

The mail is a notice of the product: automatic by its mark (RFC 3834), and never answered to.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from accounts import notices
from accounts.models import Membership, Workspace
from accounts.roles import Can, allows
from analytics.alert_words import NOTICE, told
from analytics.alerting import GRAVE, quiet
from analytics.models import Alert, AlertMail

if TYPE_CHECKING:
    from django.db.models import QuerySet

PAUSE = timedelta(hours=1)  # between two mails to one person


def in_app(workspace: Workspace, opened: Iterable[Alert]) -> None:
    """A notice to everybody who sends, for each alert that has just opened."""
    users = [one.user for one in responsible(workspace)]
    for alert in opened:
        words = {"kind": alert.kind, "subject": alert.subject, "part": alert.part, "whole": alert.whole}
        notices.send(users, workspace, NOTICE, params=words, url=told(alert, workspace).url)


def responsible(workspace: Workspace) -> list[Membership]:
    """Who sends, or may put things right."""
    rows = Membership.objects.filter(workspace=workspace, user__is_active=True).select_related("user", "workspace")
    return [one for one in rows if allows(one.role, Can.SEND)]


def mail(now: datetime | None = None) -> int:
    """One round of digests; how many were sent."""
    at = now or timezone.now()
    workspaces = Workspace.objects.filter(pk__in=Alert.objects.filter(closed_at=None).values("workspace"))
    return sum(_mail(one, at) for workspace in workspaces for one in responsible(workspace))


def of(membership: Membership) -> AlertMail:
    return AlertMail.objects.get_or_create(membership=membership)[0]


@transaction.atomic
def _mail(membership: Membership, now: datetime) -> bool:
    """The mail and its mark in one transaction, so that nobody is told twice."""
    state = AlertMail.objects.select_for_update().get(pk=of(membership).pk)
    alerts = list(Alert.objects.open_in(membership.workspace).filter(pk__gt=state.told))
    if not alerts or not state.wanted or _told_lately(membership, now):
        return False
    hour = now.astimezone(ZoneInfo(membership.workspace.time_zone)).hour
    if quiet(hour) and not any(alert.kind in GRAVE for alert in alerts):
        return False
    state.told, state.told_at = max(alert.pk for alert in alerts), now
    state.save(update_fields=["told", "told_at"])
    _send(membership, alerts)
    return True


def _told_lately(membership: Membership, now: datetime) -> bool:
    """By whichever workspace."""
    of_person: QuerySet[AlertMail] = AlertMail.objects.filter(membership__user=membership.user_id)
    return of_person.filter(told_at__gt=now - PAUSE).exists()


def _send(membership: Membership, alerts: list[Alert]) -> None:
    """In the language of whoever reads it."""
    with translation.override(membership.user.language):
        shown = [told(alert, membership.workspace) for alert in alerts]
        context = {
            "workspace": membership.workspace,
            "alerts": [(one, settings.BASE_URL + one.url) for one in shown],
            "first": shown[0],
            "more": len(shown) - 1,
            "page": settings.BASE_URL + reverse("analytics:health"),
        }
        subject = " ".join(render_to_string("analytics/email/alerts_subject.txt", context).split())
        send_mail(subject, render_to_string("analytics/email/alerts.txt", context), None, [membership.user.email])
