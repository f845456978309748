"""What a draft's safety wave will do, in words."""

from __future__ import annotations

from django.utils.translation import ngettext

from campaigns.models import Campaign


def planned(campaign: Campaign) -> str:
    """Empty where everybody gets it at once."""
    size = campaign.wave
    if not size or size >= campaign.receiving:
        return ""
    return ngettext(
        "First %(size)s people; the others %(n)s minute after these were answered.",
        "First %(size)s people; the others %(n)s minutes after these were answered.",
        campaign.wave_minutes,
    ) % {"size": f"{size:,}", "n": f"{campaign.wave_minutes:,}"}
