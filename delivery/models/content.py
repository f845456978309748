"""Frozen content: what was approved is what is sent."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import WorkspaceOwned


class Content(WorkspaceOwned):
    """The compiled form of one letter (`delivery.content.source.Frozen`). No token, no recipient's value in it."""

    hash = models.CharField(max_length=64)
    subject = models.TextField()
    preheader = models.TextField(blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
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
