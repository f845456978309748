"""Send again to these: a new draft with the same words, for just the people of a send who failed, bounced later or are
unknown."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import audit
from campaigns import editing
from campaigns.models import Campaign
from delivery import knowledge, people_sets
from delivery.knowledge import Action, Category, Cause
from delivery.message_page import explanation_of
from delivery.models import MessageState

if TYPE_CHECKING:
    from accounts.audit import Actor
    from accounts.models import User
    from delivery.models import PeopleSet

# Of the delivered a people set gathers those alone who bounced later.
OUTCOMES = {"unknown": MessageState.UNCERTAIN, "failed": MessageState.FAILED, "bounced": MessageState.DELIVERED}
NAMED: dict[str, Promise] = {
    "unknown": _("again: unknown"),
    "failed": _("again: failed"),
    "bounced": _("again: bounced later"),
}


class NotSent(Exception):
    """Nothing was sent yet, so there is nobody to send to again."""


class Nobody(Exception):
    """No one is in this group any more."""


class Prospect(enum.StrEnum):
    """What sending once more will most likely come to."""

    TWICE = "twice"  # they may have it already
    MAY_ARRIVE = "may_arrive"  # what was in the way passes by itself
    SAME = "same"  # as long as nothing was put right
    LEFT_OUT = "left_out"  # there is no such address: mail to it is stopped


EXPECT: dict[Prospect, Promise] = {
    Prospect.TWICE: _("They may have it already: whoever has it gets it twice."),
    Prospect.MAY_ARRIVE: _("What was in the way passes by itself: it may arrive this time."),
    Prospect.SAME: _("It will most likely be refused the same way, unless the cause was put right."),
    Prospect.LEFT_OUT: _("Whoever is still stopped for it is left out, and counted under “Who”."),
}


@dataclass(frozen=True)
class Expected:
    """Those of the set with one cause."""

    cause: str
    title: str
    people: int
    prospect: Prospect

    @property
    def words(self) -> Promise:
        return EXPECT[self.prospect]


@dataclass(frozen=True)
class Chosen:
    """Whom a draft is sent to again, for its pages. `causes` has most people first, `title` is the cause chosen by."""

    origin: Campaign | None
    people_set: PeopleSet
    outcome: str
    title: str
    causes: list[Expected]

    @property
    def origin_id(self) -> int | None:
        return self.origin.pk if self.origin else None

    @property
    def cause(self) -> str:
        return self.people_set.cause

    @property
    def provider(self) -> str:
        return self.people_set.provider

    @property
    def people(self) -> int:
        return self.people_set.people

    @property
    def whole(self) -> bool:
        return self.people_set.gathered_at is not None


@transaction.atomic
def choose(
    campaign: Campaign, outcome: str, cause: str = "", provider: str = "", *, by: User | None, actor: Actor = None
) -> tuple[Campaign, bool]:
    """A draft for everyone of this outcome (cause, provider), and whether it is new: for the same people there is one.

    Raises KeyError for an outcome that nobody is sent to again and for a provider that there is not, NotSent, Nobody.
    """
    state = OUTCOMES[outcome]
    sent = Campaign.objects.select_for_update(of=("self",)).select_related("workspace", "mailing").get(pk=campaign.pk)
    if sent.mailing is None or sent.mailing.started_at is None:
        raise NotSent
    drafts = Campaign.objects.filter(state=Campaign.State.DRAFT, people_set__mailing=sent.mailing)
    if found := drafts.filter(people_set__state=state, people_set__cause=cause, people_set__provider=provider).first():
        return found, False
    people_set = people_sets.choose(sent.mailing, state, cause, provider)
    if people_set.gathered_at and not people_set.people:
        raise Nobody
    draft = _draft(sent, people_set, by, actor)
    audit.record(actor or by, sent.workspace, "campaign.again", sent, draft=draft.pk, **chosen_by(people_set))
    return draft, True


def _draft(sent: Campaign, people_set: PeopleSet, by: User | None, actor: Actor) -> Campaign:
    """Consent is a matter of the same lists."""
    values = {name: getattr(sent, name) for name in (*editing.COPIED, "include_lists", "exclude_lists")}
    name = editing.numbered(str(sent), str(NAMED[outcome_of(people_set)]))
    return editing.create(sent.workspace, by, actor=actor, name=name, people_set=people_set, **values)


def chosen(campaign: Campaign) -> Chosen | None:
    """None for a campaign to lists."""
    people_set = campaign.people_set
    if people_set is None:
        return None
    causes = [
        Expected(cause, _title(cause), number, _prospect(people_set, knowledge.CAUSES.get(cause)))
        for cause, number in people_set.causes.items()
    ]
    return Chosen(
        origin=Campaign.objects.filter(mailing=people_set.mailing_id).first(),
        people_set=people_set,
        outcome=outcome_of(people_set),
        title=_title(people_set.cause) if people_set.cause else "",
        causes=sorted(causes, key=lambda row: -row.people),
    )


def chosen_by(people_set: PeopleSet) -> dict[str, str]:
    return {"outcome": outcome_of(people_set), "cause": people_set.cause, "provider": people_set.provider}


def outcome_of(people_set: PeopleSet) -> str:
    return next(outcome for outcome, state in OUTCOMES.items() if state == people_set.state)


def _title(cause: str) -> str:
    words = explanation_of(cause) or explanation_of("unknown")
    return words.title if words else cause


def _prospect(people_set: PeopleSet, cause: Cause | None) -> Prospect:
    if people_set.state == MessageState.UNCERTAIN:
        return Prospect.TWICE
    if cause is None:
        return Prospect.MAY_ARRIVE  # given up by ourselves: nobody refused for good
    if cause.action is Action.SUPPRESS_NOW:
        return Prospect.LEFT_OUT
    passing = cause.retry or cause.category in (Category.EXPIRED, Category.UNKNOWN)
    return Prospect.MAY_ARRIVE if passing else Prospect.SAME
