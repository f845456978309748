"""Where mail goes: recipient domains, and the sites (groups of MX hosts) that take it."""

from __future__ import annotations

from django.db import models


class Site(models.Model):
    """A group of MX hosts that counts what we send as one; the UI calls it a provider."""

    key = models.CharField(max_length=255, unique=True)  # rolled-up MX names, or "sandbox:gmail"
    provider = models.CharField(max_length=40, blank=True, db_index=True)  # key of delivery.providers, "" if unknown
    first_seen_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.provider or self.key


class Domain(models.Model):
    """A recipient domain. A domain that does not exist or takes no mail rests until a date."""

    name = models.CharField(max_length=255, unique=True)  # A-label, lower case
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.SET_NULL, related_name="domains")
    checked_at = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)
    rest_cause = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return self.name


class StsPolicy(models.Model):
    """What a recipient domain asks of whoever delivers to it (MTA-STS, RFC 8461), as long as it holds."""

    domain = models.OneToOneField(Domain, primary_key=True, on_delete=models.CASCADE, related_name="sts_policy")
    policy_id = models.CharField(max_length=32)  # of the TXT record: another one means another policy
    mode = models.CharField(max_length=10)  # delivery.mta_sts: enforce, testing, none
    mx = models.TextField(blank=True)  # names of servers, "*." for one label, with spaces between
    fetched_at = models.DateTimeField()
    expires_at = models.DateTimeField()
