"""Mail that the sandbox receiver took. Nothing of it left this server."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.fields import SealedField, reveal, seal
from accounts.models import Workspace


class SandboxMail(models.Model):
    """`message_id` is read from X-Shirase-Ref and is None for mail that is not ours.

    Sealed, because the link of an invitation or a password reset is in some.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)  # part of what seals the mail
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="sandbox_mails")
    message_id = models.BigIntegerField(null=True, db_index=True)
    mail_from = models.CharField(max_length=320, blank=True)
    rcpt = models.CharField(max_length=320)
    from_header = models.CharField(max_length=500, blank=True)
    subject = models.TextField(blank=True)
    raw_sealed = SealedField()
    size = models.IntegerField(default=0)
    received_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="sandboxmail_newest")]

    @property
    def raw(self) -> bytes:
        """The octets as they came. Raises CannotOpen."""
        return reveal(self, "raw_sealed").encode("latin-1")

    @raw.setter
    def raw(self, octets: bytes) -> None:
        seal(self, "raw_sealed", octets.decode("latin-1"))
