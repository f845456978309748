"""What a preflight check is. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from campaigns.audience import Counted
    from campaigns.models import Campaign
    from delivery.content.analysis import Analysis
    from delivery.content.source import TemplateProblem
    from delivery.models import FromAddress, Route


class Level(enum.StrEnum):
    """What a check means for the send."""

    STOP = "stop"  # nothing is sent until it is put right
    LOOK = "look"  # a person should look, and may accept it
    FINE = "fine"


class Topic(enum.StrEnum):
    """What a check is about."""

    AUDIENCE = "audience"
    SENDER = "sender"
    CONTENT = "content"
    LINKS = "links"
    LEGAL = "legal"
    DELIVERY = "delivery"

    @property
    def label(self) -> Promise | str:
        return _TOPICS[self]


_TOPICS: dict[Topic, Promise] = {
    Topic.AUDIENCE: _("Audience"),
    Topic.SENDER: pgettext_lazy("check", "Sender"),
    Topic.CONTENT: _("Content"),
    Topic.LINKS: _("Links"),
    Topic.LEGAL: _("Legal"),
    Topic.DELIVERY: _("Delivery"),
}


@dataclass(frozen=True)
class Check:
    """`value` is what was measured, in words; an accepted check stays accepted while it is the same.

    `line` is the line of the HTML that it speaks of, 0 for none.
    """

    key: str
    level: Level
    topic: Topic
    title: str
    detail: str = ""
    value: str = ""
    url: str = ""
    action: str = ""
    line: int = 0

    def accepted(self) -> Check:
        return replace(self, level=Level.FINE)


@dataclass(frozen=True)
class Facts:
    """All that the checks look at. `live` is a send that leaves this server."""

    campaign: Campaign
    from_address: FromAddress | None
    routes: list[Route]  # in the order in which they take over
    live: bool
    tracking_url: str
    analysis: Analysis | None  # None when `problem` is not
    problem: TemplateProblem | None
    counted: Counted | None  # None where nobody was counted
    usual_audience: int | None  # average of the last five sends
    missing: dict[str, int] = field(default_factory=dict)  # field → people of the audience without it
    unknown_fields: dict[str, int] = field(default_factory=dict)  # field that no contact can have → line
