"""DMARC aggregate reports: what receivers say of mail in a sending domain's name. Anybody can send such a report: it is
shown, and changes nothing else."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .domains import SendingDomain


class DmarcReport(models.Model):
    """One report, as far as it is about one sending domain. Its sources are in DmarcSource, added up."""

    class Problem(models.TextChoices):
        """Why nothing of it was counted."""

        TOO_BIG = "too_big", _("It is too big to read.")
        BROKEN = "broken", _("It is damaged, or no DMARC report.")

    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="dmarc_reports")
    org = models.CharField(max_length=100, blank=True)  # who reports, by its own words; "" of one that was not read
    # Who sent it: the network that it came from, or `org` where that is not known.
    reporter = models.CharField(max_length=100, blank=True, db_default="")
    report_id = models.CharField(max_length=200)  # or a digest of what is longer, or was not read
    begin = models.DateTimeField()
    end = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    messages = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=8, choices=Problem.choices, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("sending_domain", "org", "report_id", name="dmarcreport_once")]
        indexes = [
            models.Index(fields=["sending_domain", "begin"], name="dmarcreport_period"),
            models.Index(fields=["begin"], name="dmarcreport_age"),
        ]


class DmarcSource(models.Model):
    """Messages of one day (UTC, of the report's begin) from one address, over all reports. `source` is "" for those
    beyond the most that are kept of a day. A message passes if SPF or DKIM does, with alignment."""

    sending_domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    source = models.CharField(max_length=45, blank=True)
    messages = models.BigIntegerField()
    passed = models.BigIntegerField()
    spf = models.BigIntegerField()
    dkim = models.BigIntegerField()
    quarantined = models.BigIntegerField()
    rejected = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint("sending_domain", "day", "source", name="dmarcsource_once")]
        indexes = [models.Index(fields=["day"], name="dmarcsource_age")]
