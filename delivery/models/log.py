"""Append-only, partitioned by month, no foreign keys to them: what was tried and what happened.

`tx` is the writing transaction's id, so that a reader can fold what is committed and miss nothing
(design: last <= tx < pg_snapshot_xmin). The tables are made in a raw migration.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Attempt(models.Model):
    """A mark (ids, values_at) or an outcome (message_id, result, reply). `result` is a MessageState, or
    RETURNED when nothing was said about the person and the try costs no attempt, or BOUNCED when a report said of a
    delivered message that it did not arrive after all. What a report says has the phase DSN and no route."""

    RETURNED = 100
    BOUNCED = 101

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    tx = models.BigIntegerField()
    lease_id = models.BigIntegerField()
    fence = models.IntegerField()
    # a mark
    ids = ArrayField(models.BigIntegerField(), null=True)
    values_at = models.DateTimeField(null=True)
    # an outcome
    message_id = models.BigIntegerField(null=True)
    mailing_id = models.BigIntegerField(null=True)
    site_id = models.BigIntegerField(null=True)
    route_id = models.BigIntegerField(null=True)
    result = models.SmallIntegerField(null=True)
    code = models.SmallIntegerField(null=True)
    status = models.CharField(max_length=12, null=True)
    phase = models.CharField(max_length=8, null=True)
    reply = models.TextField(null=True)
    cause = models.CharField(max_length=80, null=True)
    took_ms = models.IntegerField(null=True)  # from the mark to the reply
    sha256 = models.BinaryField(null=True)  # of the built message
    transcript = models.JSONField(null=True)  # delivery.smtp: enough to show the dialogue

    class Meta:
        managed = False
        db_table = "delivery_attempt"


class Event(models.Model):
    """Something that people or we did to a mailing or a message."""

    class Kind(models.TextChoices):
        OPEN = "open"
        CLICK = "click"
        UNSUBSCRIBE = "unsubscribe"
        COMPLAINT = "complaint"
        BOUNCE_LATER = "bounce_later"
        STATE = "state"  # a mailing changed state; detail says from, to, why

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    tx = models.BigIntegerField()
    kind = models.CharField(max_length=14, choices=Kind.choices)
    workspace_id = models.BigIntegerField()
    mailing_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    contact_id = models.BigIntegerField(null=True)
    link = models.IntegerField(null=True)
    machine = models.CharField(max_length=40, null=True)
    detail = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_event"
