"""What the brakes counted, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from delivery import spikes


def counted(cause: str, figures: Mapping[str, Any]) -> str:
    """`38 of the last 200 …: more than 10 %.` Empty for a pause by anything else."""
    if cause not in spikes.CAUSES or not figures:
        return ""
    number, of = int(figures["number"]), int(figures["of"])
    words = {  # never of one: below spikes.LEAST_TRIES nothing pauses
        spikes.UNKNOWN_USERS: _("%(number)s of the last %(of)s tries went to addresses that do not exist"),
        spikes.BLOCKS: _("%(number)s of the last %(of)s tries were refused because of the sender or the letter"),
        spikes.COMPLAINTS: _("%(number)s of the %(of)s people who got it reported it as spam"),
    }[cause]
    shown = {"number": f"{number:,}", "of": f"{of:,}"}
    limit = _("the limit is %(percent)s%%") % {"percent": f"{figures['percent']:g}"}
    return _("%(counted)s; %(limit)s.") % {"counted": words % shown, "limit": limit}
