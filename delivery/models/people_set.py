"""People of one mailing, chosen by what happened to them: whom a later mailing is sent to."""

from __future__ import annotations

from django.db import models

from contacts.models import Contact

from .mailing import Mailing
from .message import MessageState


class PeopleSet(models.Model):
    """Fixed when it was chosen, whatever becomes of its people later. It is gathered in slices."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="people_sets")
    state = models.SmallIntegerField(choices=MessageState.choices)
    cause = models.CharField(max_length=80, blank=True)  # "" for every cause
    provider = models.CharField(max_length=40, blank=True)  # a key of delivery.providers, "other", or "" for all
    after = models.BigIntegerField(default=0)  # the last message looked at, committed with its slice
    causes = models.JSONField(default=dict, blank=True)  # cause → people
    people = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    gathered_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)  # nobody wants it any more: it goes, in slices

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="peopleset_open", condition=models.Q(gathered_at=None)),
            models.Index(fields=["id"], name="peopleset_dropped", condition=models.Q(dropped_at__isnull=False)),
        ]


class PeopleSetMember(models.Model):
    """One of its people. Whoever is deleted stays as a number that leads nowhere."""

    pk = models.CompositePrimaryKey("people_set_id", "contact_id")
    people_set = models.ForeignKey(
        PeopleSet, on_delete=models.DO_NOTHING, related_name="members", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
