"""What the set-up page says of the parts that only this layer knows."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.setup import Check, Health
from config.health import broker_answers


def queue() -> Check:
    if broker_answers():
        return Check(_("Task queue"), Health.FINE, _("Answers. Workers take their tasks from it."))
    return Check(_("Task queue"), Health.STOP, _("Does not answer. Start it with `make up`, or look at BROKER_URL."))
