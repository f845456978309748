"""What is not kept: the words of invitations and password resets, once they have been told."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from delivery.models import Content, Mailing, Message, SandboxMail

NOTICES_KEPT = timedelta(days=1)  # as long as a reset link works
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
