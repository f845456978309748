"""Where a safety wave is, in words."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from delivery.models import Mailing
from delivery.queue import waves


def wave_words(mailing: Mailing) -> str:
    """Empty when there is none under way."""
    if not mailing.in_wave:
        return ""
    if mailing.wave_until is None:
        return _("Safety wave: the first %(size)s people") % {"size": f"{mailing.wave_size:,}"}
    local = timezone.localtime(mailing.wave_until)
    day = "" if local.date() == timezone.localdate() else f"{date_format(local, 'MONTH_DAY_FORMAT')} "
    return _("Safety wave: waiting until %(time)s") % {"time": f"{day}{local:%H:%M}"}


def wave_kept_words(mailing: Mailing) -> str:
    """Whom it does not wait for. Empty when there are none."""
    kept = waves.kept(mailing)
    if not kept:
        return ""
    return ngettext(
        "%(number)s person of the wave waits for a paused provider or route. The wave goes on without them.",
        "%(number)s people of the wave wait for a paused provider or route. The wave goes on without them.",
        kept,
    ) % {"number": f"{kept:,}"}
