"""Frozen content: what was approved is what is sent."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.fields import SealedField
from accounts.models import WorkspaceOwned


class Content(WorkspaceOwned):
    """The compiled form of one letter (`delivery.content.source.Frozen`). No token, no recipient's value in it.

    A notice's words hold a link that makes whoever has it somebody else: they lie in `body_sealed`, as JSON of "html"
    and "text", and it has no links of its own.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the body
    hash = models.CharField(max_length=64)
    subject = models.TextField()
    preheader = models.TextField(blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    body_sealed = SealedField(blank=True)
    headers = models.JSONField(default=dict)
    fields = ArrayField(models.CharField(max_length=120), default=list)  # contact fields that it reads
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("workspace", "hash", name="content_once_a_workspace")]


class Link(models.Model):
    """Link number → URL. A click names the number only, so there is no open redirect."""

    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="links")
    number = models.PositiveIntegerField()
    url = models.TextField()
    text = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("content", "number", name="link_number_once")]
        ordering = ["number"]
