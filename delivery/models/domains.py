"""Who we send as: sending domains, their DKIM keys, From addresses."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.fields import SealedField
from accounts.models import WorkspaceOwned


class SendingDomain(WorkspaceOwned):
    """A domain in From. Verified in one workspace, it cannot be claimed by another.

    `checks` holds the last look at DNS: {record: {"found": [...], "status": ..., "at": ...}}; of the tracking record
    also "https" and "misses" (delivery.tracking_hosts), of SPF also "ours": the addresses that its mail leaves from.
    """

    name = models.CharField(_("domain"), max_length=255, help_text=_("A-label, lower case"))
    return_path_host = models.CharField(max_length=255)
    tracking_host = models.CharField(max_length=255, blank=True)
    tracking_live_at = models.DateTimeField(null=True, blank=True)  # new mail's links begin with it since then
    tracking_proven_at = models.DateTimeField(null=True, blank=True)  # mail that names it may be out: it is served
    sandbox = models.BooleanField(default=False)  # only the sandbox route takes it
    verified_at = models.DateTimeField(null=True, blank=True)
    live_at = models.DateTimeField(null=True, blank=True)
    live_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    checks = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("workspace", "name", name="sendingdomain_once_a_workspace"),
            models.UniqueConstraint(
                "name",
                condition=models.Q(verified_at__isnull=False, sandbox=False),
                name="sendingdomain_verified_once",
            ),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def live(self) -> bool:
        return self.live_at is not None and self.verified_at is not None

    @property
    def tracking_url(self) -> str:
        """What the links of new mail begin with."""
        return f"https://{self.tracking_host}" if self.tracking_live_at else str(settings.TRACKING_URL)


class DkimKey(models.Model):
    """Made, then published (its record was seen: it signs), then superseded by the next one (its record stays while
    mail that it signed may travel), then retired."""

    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the private key
    private_sealed = SealedField()
    public = models.TextField()  # base64 of the public key: p= in DNS
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("sending_domain", "selector", name="dkimkey_selector_once")]

    @property
    def host(self) -> str:
        return f"{self.selector}._domainkey.{self.sending_domain.name}"


class FromAddress(WorkspaceOwned):
    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="from_addresses")
    local_part = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=200)
    reply_to = models.CharField(max_length=320, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("sending_domain", "local_part", "name", name="fromaddress_once")]
        ordering = ["name", "id"]

    @property
    def address(self) -> str:
        return f"{self.local_part}@{self.sending_domain.name}"

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"
