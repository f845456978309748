"""The people a letter is tried on: those who show what goes wrong before readers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import audience
from campaigns.models import Campaign
from contacts import search
from contacts.models import Contact

LOOKED_AT = 200  # of the newest people: enough to find odd ones, and the same work at any size
OFFERED = 10


@dataclass(frozen=True)
class Sample:
    contact: Contact
    why: Promise | str


def samples(campaign: Campaign) -> list[Sample]:
    """Up to OFFERED people of this campaign's audience (of the workspace while no list is chosen), odd ones first."""
    people = _people(campaign)
    chosen: dict[int, Sample] = {}
    for why, pick in _ODD:
        if people and (found := pick(people)) and found.pk not in chosen:
            chosen[found.pk] = Sample(found, why)
    for contact in people:
        if len(chosen) >= OFFERED:
            break
        chosen.setdefault(contact.pk, Sample(contact, ""))
    return list(chosen.values())


def found(campaign: Campaign, words: str) -> list[Sample]:
    """Up to OFFERED people of the workspace whose address or name matches, newest first."""
    people = search.find(campaign.workspace, search.Filter.of({"q": words})).order_by("-pk")[:OFFERED]
    return [Sample(contact, "") for contact in people]


def _people(campaign: Campaign) -> list[Contact]:
    newest = Contact.objects.of(campaign.workspace).filter(erased_at=None).order_by("-pk")
    if not campaign.include_lists:
        return list(newest[:LOOKED_AT])
    return list(newest.filter(pk__in=list(audience.newest(campaign, LOOKED_AT))))


def _first(condition: Callable[[Contact], bool]) -> Callable[[Iterable[Contact]], Contact | None]:
    return lambda people: next((one for one in people if condition(one)), None)


def _japanese(contact: Contact) -> bool:
    return any(ord(char) >= 0x3000 for char in contact.first_name + contact.last_name)


_ODD: list[tuple[Promise, Callable[[list[Contact]], Contact | None]]] = [
    (_("longest name"), lambda people: max(people, key=lambda one: len(one.name))),
    (_("no first name"), _first(lambda one: not one.first_name)),
    (_("Japanese name"), _first(_japanese)),
    (_("fewest fields"), lambda people: min(people, key=lambda one: len(one.fields))),
    (_("newest"), lambda people: people[0]),
]


def person(campaign: Campaign, pk: int | None) -> Contact | None:
    """The contact asked for, if it is of this workspace; else the first sample."""
    if pk and (found := Contact.objects.of(campaign.workspace).filter(pk=pk, erased_at=None).first()):
        return found
    offered = samples(campaign)
    return offered[0].contact if offered else None
