"""What is not kept: the words of invitations and password resets, once they have been told; reports, after a while."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from delivery.models import AddressFailure, Content, IncomingReport, Mailing, Message, Refusals, SandboxMail
from delivery.partitions import oldest_kept
from delivery.stops import KEPT_DAYS

NOTICES_KEPT = timedelta(days=1)  # as long as a reset link works
RAW_KEPT = timedelta(days=90)  # as long as a report acts
NOBODYS_KEPT = 10_000  # newest reports without a valid token: anybody can send us any number
SLICE = 500


@transaction.atomic
def forget_notices() -> int:
    """A slice of old notices goes, with the links in them. Returns how many."""
    before = timezone.now() - NOTICES_KEPT
    old = Mailing.objects.filter(kind=Mailing.Kind.NOTICE, finished_at__lt=before).order_by("pk")
    ids = list(old.values_list("pk", flat=True)[:SLICE])
    messages = list(Message.objects.filter(mailing__in=ids).values_list("pk", flat=True))
    SandboxMail.objects.filter(message_id__in=messages).delete()
    contents = list(Mailing.objects.filter(pk__in=ids).values_list("content_id", flat=True))
    Mailing.objects.filter(pk__in=ids).delete()
    Content.objects.filter(pk__in=contents, mailings=None).delete()
    return len(ids)


@transaction.atomic
def forget_reports() -> int:
    """A slice of what came back: its octets after 90 days, the rest with the log. Returns how many."""
    now = timezone.now()
    month = datetime.combine(oldest_kept(now.date(), settings.RETENTION_MONTHS), time(tzinfo=UTC))
    reports, failures = IncomingReport.objects.all(), AddressFailure.objects.all()
    decided = failures.exclude(state__in=(AddressFailure.State.HELD, AddressFailure.State.DUE))
    Refusals.objects.filter(since__lt=now - timedelta(days=1)).delete()
    with_raw = reports.filter(received_at__lt=now - RAW_KEPT).exclude(raw_sealed="").order_by("received_at")
    return (
        reports.filter(pk__in=list(with_raw.values_list("pk", flat=True)[:SLICE])).update(raw_sealed="")
        + _delete(reports.filter(pk__in=_before(month, reports, "received_at")))
        + _delete(failures.filter(pk__in=_before(now - timedelta(days=KEPT_DAYS), decided, "at")))
    )


def forget_nobodys() -> int:
    """A slice of all but the newest that nobody signed; often, so that a flood fills no disk. Returns how many went."""
    rows = IncomingReport.objects.filter(workspace=None)
    last = rows.order_by("-pk").values_list("pk", flat=True)[NOBODYS_KEPT : NOBODYS_KEPT + 1].first()
    return _delete(rows.filter(pk__lte=last or 0))


def _before(moment: datetime, rows: QuerySet[Any], column: str) -> list[int]:
    """Of the first rows those of before: they grow with time, so that nothing further is looked at."""
    return [key for key, at in rows.order_by("pk").values_list("pk", column)[:SLICE] if at < moment]


def _delete(rows: QuerySet[Any]) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:SLICE])
    gone, _by_model = rows.model._default_manager.filter(pk__in=keys).delete()
    return int(gone)
