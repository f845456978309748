"""The words of this app's audit actions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "campaign.create": _("Made a campaign"),
    "campaign.again": _("Made a draft to send again to people of a campaign"),
    "campaign.delete": _("Deleted a draft"),
    "campaign.schedule": _("Scheduled a campaign"),
    "campaign.undo": _("Took a campaign back"),
    "campaign.start_now": _("Started a campaign at once"),
    "campaign.pause": _("Paused a campaign"),
    "campaign.resume": _("Resumed a campaign"),
    "campaign.go_on": _("Ended the safety wave of a campaign"),
    "campaign.stop": _("Stopped a campaign for good"),
    "campaign.test": _("Sent a test"),
}
