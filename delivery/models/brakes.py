"""What is counted to see whether a mailing should pause itself, and each workspace's thresholds for it."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Workspace

from .mailing import Mailing

PERCENT = (MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100)))


class Brakes(models.Model):
    """Percent above which a campaign pauses itself; null: never for this. A workspace without a row has the defaults.

    10 % unknown users: two to five are usual for a kept list, and receivers begin to block at about ten. 20 % blocks:
    below, it may be one provider's matter, which its own pace answers. 0.3 % complaints: from there Gmail and Yahoo
    refuse to help (sender guidelines of 2024). `stops` pauses nothing: above it addresses are no longer stopped for
    bounces before a person has looked (delivery.stopping).
    """

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="brakes")
    unknown_users = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, default=Decimal(10), validators=PERCENT
    )
    blocks = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, default=Decimal(20), validators=PERCENT
    )
    complaints = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, default=Decimal("0.3"), validators=PERCENT
    )
    stops = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, default=Decimal(10), db_default=Decimal(10),
        validators=PERCENT,
    )  # fmt: skip


class Watch(models.Model):
    """A campaign's newest tries in two buckets, the one being filled and the one before: the same cost at any size.

    Kept by the statement that settles the tries (delivery.queue.settle), begun anew when a person resumes.
    """

    mailing = models.OneToOneField(Mailing, primary_key=True, on_delete=models.CASCADE, related_name="watch")
    tries = models.IntegerField(db_default=0)
    unknown_users = models.IntegerField(db_default=0)
    blocks = models.IntegerField(db_default=0)
    tries_before = models.IntegerField(db_default=0)
    unknown_users_before = models.IntegerField(db_default=0)
    blocks_before = models.IntegerField(db_default=0)
    complaints = models.IntegerField(db_default=0)


class Refusals(models.Model):
    """Who has refused us lately for what we are: one row a route, a provider over a route, or a sending domain."""

    key = models.CharField(max_length=120, primary_key=True)  # as of a Bucket: "route:1", "route:1/site:7", "domain:3"
    since = models.DateTimeField()  # n is counted from here; it begins anew after a while
    n = models.IntegerField(default=0)
    sites = ArrayField(models.BigIntegerField(), default=list)  # some of those that did
    cause = models.CharField(max_length=80)  # of the newest one
    told_at = models.DateTimeField(null=True)  # when people were last alerted
