"""The ways by which reports come in: how each does, kept and removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor
from delivery.models import IncomingReport, ListenerSeen, ReportWebhook, ReturnMailbox

if TYPE_CHECKING:
    from delivery.inlet_forms import MailboxForm, WebhookForm

SILENT = timedelta(minutes=1)  # a listener says that it is here every 15 s
MOST_A_MINUTE = 20_000  # reports that are counted


@dataclass(frozen=True)
class ListenerState:
    """`seen_at` is the latest sign of life of any, None where there never was one."""

    address: str
    seen_at: datetime | None
    runs: bool


def listener() -> ListenerState:
    latest = ListenerSeen.objects.order_by("-seen_at").first()
    seen_at = latest.seen_at if latest else None
    here = f"{settings.LISTENER_HOST}:{settings.LISTENER_PORT}"
    runs = seen_at is not None and timezone.now() - seen_at < SILENT
    return ListenerState(latest.name if latest else here, seen_at, runs)


def last_minute() -> dict[tuple[str, str], int]:
    """Reports of it by inlet and kind. Reads the newest only, however many there are."""
    newest = IncomingReport.objects.order_by("-pk").values_list("pk", flat=True)
    before = newest[MOST_A_MINUTE : MOST_A_MINUTE + 1].first() or 0
    fresh = IncomingReport.objects.filter(pk__gt=before, received_at__gte=timezone.now() - timedelta(minutes=1))
    found = fresh.values_list("inlet", "kind").annotate(n=Count("pk"))
    return {(inlet, kind): n for inlet, kind, n in found}


def mailboxes() -> dict[str, int]:
    """How many are read well, and how many are not."""
    problems = ReturnMailbox.objects.filter(enabled=True).values_list("problem", flat=True)
    failing = sum(1 for problem in problems if problem)
    return {"ok": len(problems) - failing, "failing": failing}


@transaction.atomic
def save_mailbox(form: MailboxForm, *, actor: Actor) -> ReturnMailbox:
    """New or changed. The form is valid."""
    mailbox = form.save()
    audit.record(actor, None, "mailbox.saved", mailbox)
    return mailbox


@transaction.atomic
def remove_mailbox(mailbox: ReturnMailbox, *, actor: Actor) -> None:
    """What was taken from it stays."""
    audit.record(actor, None, "mailbox.removed", mailbox)
    mailbox.delete()


@transaction.atomic
def save_webhook(form: WebhookForm, *, actor: Actor) -> ReportWebhook:
    """New or changed. The form is valid."""
    hook = form.save()
    audit.record(actor, None, "webhook.saved", hook)
    return hook


@transaction.atomic
def remove_webhook(hook: ReportWebhook, *, actor: Actor) -> None:
    """Calls to its address are no longer taken; what it told stays."""
    audit.record(actor, None, "webhook.removed", hook)
    hook.delete()


def address_of(hook: ReportWebhook) -> str:
    """What is pasted into the service's settings."""
    base: str = settings.BASE_URL
    return base + reverse("delivery:report_hook", args=[hook.provider, hook.token])
