"""What a person does to a draft: make it, save it, copy it, throw it away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from campaigns.models import Campaign
from contacts.models import List
from delivery import people_sets
from delivery.models import FromAddress

if TYPE_CHECKING:
    from accounts.audit import Actor
    from accounts.models import User, Workspace

CONTENT = ("kind", "language", "subject", "preheader", "html", "letter", "text", "reply_to")
COPIED = (*CONTENT, "from_address", "route", "next_routes", "give_up_hours", "wave_size", "wave_minutes")


class Conflict(Exception):
    """Somebody saved first. `current` is what is stored now."""

    def __init__(self, current: Campaign) -> None:
        super().__init__(f"campaign {current.pk} is at version {current.version}")
        self.current = current


class FixedAudience(Exception):
    """It is sent again to people of an earlier send: whom, was decided when the draft was made."""


class NotEditable(Exception):
    """It is scheduled or sent: what was approved is what is sent."""


def create(workspace: Workspace, by: User | None, *, actor: Actor = None, **values: Any) -> Campaign:
    """A new draft. The From address and the language are prefilled; nothing else is. `actor`: where it is no person."""
    values.setdefault("language", workspace.language)
    values.setdefault("from_address", FromAddress.objects.of(workspace).order_by("-id").first())
    campaign = Campaign.objects.create(workspace=workspace, created_by=by, updated_by=by, **values)
    audit.record(actor or by, workspace, "campaign.create", campaign)
    return campaign


def save(campaign: Campaign, version: int, values: Mapping[str, Any], by: User | None) -> Campaign:
    """Store `values` if the draft is still at `version`, in one statement.

    Raises Conflict, NotEditable, FixedAudience.
    """
    if campaign.people_set_id and values.keys() & {"include_lists", "exclude_lists"}:
        raise FixedAudience
    changed = Campaign.objects.filter(pk=campaign.pk, version=version, state=Campaign.State.DRAFT).update(
        **values, version=models.F("version") + 1, updated_by=by, updated_at=timezone.now()
    )
    current = Campaign.objects.get(pk=campaign.pk)
    if changed:
        return current
    if not current.editable:
        raise NotEditable
    raise Conflict(current)


def duplicate(campaign: Campaign, by: User | None, *, actor: Actor = None) -> Campaign:
    """A new draft with the same words. The audience is not copied: it is chosen for each send."""
    values = {name: getattr(campaign, name) for name in COPIED}
    return create(campaign.workspace, by, actor=actor, name=numbered(campaign.name, _("copy")), **values)


def numbered(name: str, word: str) -> str:
    """Autumn → Autumn (copy) → Autumn (copy 2)."""
    if not name:
        return ""
    match = re.fullmatch(rf"(.*) \({re.escape(word)}(?: (\d+))?\)", name)
    if not match:
        return f"{name} ({word})"[:200]
    return f"{match[1]} ({word} {int(match[2] or 1) + 1})"[:200]


@transaction.atomic
def delete(campaign: Campaign, by: User | None, *, actor: Actor = None) -> bool:
    """Throw a draft away. Whatever was sent stays, with its report."""
    people_set = campaign.people_set
    gone, _rows = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT, mailing=None).delete()
    if gone and people_set is not None:
        people_sets.drop(people_set)
    if gone:
        audit.record(actor or by, campaign.workspace, "campaign.delete", campaign)
    return bool(gone)


def chosen_lists(campaign: Campaign) -> tuple[list[List], list[List]]:
    """The include and exclude lists that still exist, by name."""
    lists = {one.pk: one for one in List.objects.of(campaign.workspace).order_by("name")}
    include = [one for pk, one in lists.items() if pk in campaign.include_lists]
    exclude = [one for pk, one in lists.items() if pk in campaign.exclude_lists]
    return include, exclude
