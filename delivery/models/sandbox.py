"""Mail that the sandbox receiver took. Nothing of it left this server."""

from __future__ import annotations

from django.db import models

from accounts.models import Workspace


class SandboxMail(models.Model):
    """`message_id` is read from X-Shirase-Ref and is None for mail that is not ours."""

    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="sandbox_mails")
    message_id = models.BigIntegerField(null=True, db_index=True)
    mail_from = models.CharField(max_length=320, blank=True)
    rcpt = models.CharField(max_length=320)
    from_header = models.CharField(max_length=500, blank=True)
    subject = models.TextField(blank=True)
    raw = models.BinaryField()
    size = models.IntegerField(default=0)
    received_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="sandboxmail_newest")]
