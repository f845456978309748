"""Where a safety wave is, in words."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from delivery.models import Mailing


def wave_words(mailing: Mailing) -> str:
    """Empty when there is none under way."""
    if not mailing.in_wave:
        return ""
    if mailing.wave_until is None:
        return _("Safety wave: the first %(size)s people") % {"size": f"{mailing.wave_size:,}"}
    local = timezone.localtime(mailing.wave_until)
    day = "" if local.date() == timezone.localdate() else f"{date_format(local, 'MONTH_DAY_FORMAT')} "
    return _("Safety wave: waiting until %(time)s") % {"time": f"{day}{local:%H:%M}"}
