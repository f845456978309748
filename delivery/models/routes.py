"""How mail leaves: routes, limits, and the buckets that keep them. They belong to the install."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.fields import SealedField
from accounts.models import Workspace

from .domains import SendingDomain
from .sites import Site


class Route(models.Model):
    class Kind(models.TextChoices):
        SMARTHOST = "smarthost", _("Smarthost")
        DIRECT = "direct", _("Direct to MX")
        SANDBOX = "sandbox", _("Sandbox")

    class Security(models.TextChoices):
        NONE = "none", _("None")
        STARTTLS = "starttls", _("STARTTLS")
        IMPLICIT = "implicit", _("Implicit TLS")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=587)
    security = models.CharField(max_length=10, choices=Security.choices, default=Security.STARTTLS)
    username = models.CharField(max_length=255, blank=True)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the password
    password_sealed = SealedField(blank=True)
    ca_file = models.CharField(max_length=500, blank=True)  # a private CA for the smarthost's certificate
    ehlo_name = models.CharField(max_length=255, blank=True)
    source_address = models.GenericIPAddressField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=80, blank=True)  # a cause id, or "manual"
    paused_by = models.CharField(
        max_length=200, blank=True, default="", db_default=""
    )  # whose name the audit log has; "" for none
    drain = models.BooleanField(default=False, db_default=False)  # paused for new leases only: those open finish
    created_at = models.DateTimeField(auto_now_add=True)
    workspaces = models.ManyToManyField(Workspace, related_name="routes", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        # The sandbox is ours, so its name is in the reader's language.
        return str(self.get_kind_display()) if self.kind == self.Kind.SANDBOX else self.name


class Limit(models.Model):
    """What may pass in a time, and over how many connections. Empty figures do not limit; all that apply hold.

    One row a scope: a route, a provider over a route, a sending domain, a workspace.
    """

    route = models.ForeignKey(Route, null=True, blank=True, on_delete=models.CASCADE, related_name="limits")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="limits")
    sending_domain = models.ForeignKey(
        SendingDomain, null=True, blank=True, on_delete=models.CASCADE, related_name="limits"
    )
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="limits")
    per_second = models.FloatField(null=True, blank=True)
    per_minute = models.FloatField(null=True, blank=True)
    per_hour = models.PositiveIntegerField(null=True, blank=True)
    per_day = models.PositiveIntegerField(null=True, blank=True)  # rolling 24 h
    connections = models.PositiveIntegerField(null=True, blank=True)
    per_connection = models.PositiveIntegerField(null=True, blank=True)  # messages before we reconnect
    idle_seconds = models.PositiveIntegerField(null=True, blank=True)  # a connection without work is closed then
    plan: int | None = None  # the warm-up plan that this is a day of; such a limit is stored nowhere

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "route", "site", "sending_domain", "workspace", name="limit_once_a_scope", nulls_distinct=False
            )
        ]


class WarmUp(models.Model):
    """How many campaign messages may go out over a route, or to one provider over it, in 24 hours on each day."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="warm_ups")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()  # of the first day; a pause moves it on
    caps = ArrayField(models.PositiveIntegerField())  # by day; after the last nothing is capped
    sent = ArrayField(models.IntegerField(null=True), default=list, blank=True)  # by day
    paused_at = models.DateTimeField(null=True, blank=True)  # it stays at that day's cap

    class Meta:
        constraints = [models.UniqueConstraint("route", "site", name="warmup_once_a_scope", nulls_distinct=False)]

    def __str__(self) -> str:
        return f"{self.route} · {self.site}" if self.site else str(self.route)

    @property
    def bucket(self) -> str:
        """The key of what is sold under it."""
        return f"route:{self.route_id}" + (f"/site:{self.site_id}" if self.site_id else "") + f"/plan:{self.pk}"


class Bucket(models.Model):
    """What the workers share about one scope: time sold, slots of the hour and day, closed until when, how slow."""

    key = models.CharField(max_length=120, primary_key=True)  # "route:1", "route:1/site:7", "domain:3", "workspace:2"
    next_at = models.DateTimeField(null=True, blank=True)
    slots = ArrayField(models.IntegerField(), default=list, blank=True)
    slots_at = models.DateTimeField(null=True, blank=True)
    day_slots = ArrayField(models.IntegerField(), default=list, blank=True)
    day_slots_at = models.DateTimeField(null=True, blank=True)
    closed_until = models.DateTimeField(null=True, blank=True)
    closings = models.PositiveIntegerField(default=0)  # in a row: 1 min, doubling to 30
    closed_cause = models.CharField(max_length=80, blank=True)
    # Somebody asked us to slow down (delivery.adapting); the rate now follows from these.
    slowed_at = models.DateTimeField(null=True, blank=True)  # the last time that counted
    slowed_since = models.DateTimeField(null=True, blank=True)  # the first of a series
    slowed_until = models.DateTimeField(null=True, blank=True)
    refused_rate = models.FloatField(null=True, blank=True)  # messages a second
    slowed_cause = models.CharField(max_length=80, blank=True, default="", db_default="")
    # A person's pause of one provider, in the bucket of a route and a site; as a route's.
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    drain = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["slowed_until"], name="bucket_slowed", condition=models.Q(slowed_until__isnull=False))
        ]
