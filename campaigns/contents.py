"""A campaign's letter: its source, its frozen form, what its checks and previews are made of."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from campaigns.models import Campaign
from contacts.models import Contact
from delivery import contents, letters
from delivery.content.freeze import written_out
from delivery.content.limits import check_in_child
from delivery.content.source import Frozen, Kind, Source, TemplateProblem
from delivery.models import Content


@dataclass(frozen=True)
class Compiled:
    """Either the frozen letter or what is wrong with it."""

    frozen: Frozen | None
    problem: TemplateProblem | None


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


def automatic_text(campaign: Campaign) -> str:
    """The plain-text part as it is made from the HTML, with its variables."""
    return written_out(replace(source(campaign), text=""))[1]


def compiled(campaign: Campaign) -> Compiled:
    """The letter as it would be sent now. A letter that did not change is not compiled again."""
    return _compiled(source(campaign))


@functools.lru_cache(maxsize=64)
def _compiled(letter: Source) -> Compiled:
    # In a child process with limits: a template is a program of somebody else's.
    try:
        return Compiled(check_in_child(letter), None)
    except TemplateProblem as problem:
        return Compiled(None, problem)


def workspace_values(campaign: Campaign) -> dict[str, str]:
    workspace = campaign.workspace
    return {
        "name": workspace.name,
        "legal_name": workspace.legal_name,
        "postal_address": workspace.postal_address,
    }


def person_values(contact: Contact | None) -> dict[str, object]:
    """What the letter reads as `contact`; empty for nobody."""
    if contact is None:
        return {}
    columns = {
        name: getattr(contact, name) for name in ("address", "first_name", "last_name", "language", "tags", "fields")
    }
    return letters.person(columns)


def freeze(campaign: Campaign, people: list[Contact]) -> Content:
    """Compile, try on these people, and keep it: what is approved now is what is sent. Raises TemplateProblem."""
    frozen = check_in_child(
        source(campaign),
        [person_values(one) for one in people],
        campaign={"name": str(campaign)},
        workspace=workspace_values(campaign),
    )
    return contents.store(campaign.workspace, frozen)
