"""A campaign's letter: its source, its frozen form, what a preview of it shows."""

from __future__ import annotations

from campaigns.models import Campaign
from delivery import contents
from delivery.content.freeze import freeze as freeze_source
from delivery.content.source import Kind, Source
from delivery.models import Content


def source(campaign: Campaign) -> Source:
    """The letter as its author left it."""
    letter = campaign.kind == Campaign.Kind.LETTER
    return Source(
        kind=Kind(campaign.kind),
        subject=campaign.subject,
        preheader=campaign.preheader,
        html="" if letter else campaign.html,
        text=campaign.letter if letter else campaign.text,
        language=campaign.language,
    )


def freeze(campaign: Campaign) -> Content:
    """Compile and keep it: what is approved now is what is sent. Raises TemplateProblem."""
    return contents.store(campaign.workspace, freeze_source(source(campaign)))
