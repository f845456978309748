"""What a request names: found, or refused with the place that is wrong."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from accounts.api import ApiRequest
from accounts.problems import FieldError, Kind, Problem, invalid
from campaigns.models import Campaign
from delivery import providers
from delivery.content.source import Part, RenderLimit, TemplateProblem


def campaign_of(request: ApiRequest, pk: int) -> Campaign:
    related = ("mailing", "from_address__sending_domain", "workspace", "people_set")
    rows = Campaign.objects.of(request.workspace).select_related(*related)
    return get_object_or_404(rows, pk=pk)


def known_provider(key: str) -> str:
    """Raises Problem for one that there is not."""
    if not providers.known(key):
        raise invalid("provider", _("There is no such provider."))
    return key


def field_of(campaign: Campaign, part: Part) -> str:
    """Where a part of the letter is written."""
    return "letter" if campaign.kind == Campaign.Kind.LETTER and part in (Part.HTML, Part.TEXT) else part.value


def refused(campaign: Campaign, fault: TemplateProblem | RenderLimit, words: str) -> Problem:
    """A letter that cannot be used: which field, and the line and column in it, where its author would find them."""
    where = field_of(campaign, fault.where or Part.HTML)
    # The line of a RenderLimit is one of the frozen letter.
    place = (fault.line, fault.column) if isinstance(fault, TemplateProblem) else (0, 0)
    return Problem(Kind.INVALID, _("Nothing was changed."), [FieldError(where, words, *place)])
