"""Can we mail this person? And if not: since when, why, and what would change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contacts.addresses import Address, parse
from contacts.models import Contact, Subscription, Suppression
from contacts.subscriptions import OF_THE_PERSON, ONLY_THE_PERSON

Reason = Suppression.Reason

# Which badge a reason wears, and what happened in a sentence.
_STATES = {
    Reason.COMPLAINT: "complained",
    Reason.UNSUBSCRIBED: "unsubscribed",
    Reason.MANUAL: "stopped",
    Reason.ERASED: "erased",
}
_SENTENCES: dict[str, str | Promise] = {
    Reason.UNSUBSCRIBED: _("Unsubscribed from everything."),
    Reason.COMPLAINT: _("Reported our mail as spam."),
    Reason.NO_SUCH_USER: _("The address does not exist: their mail server said so."),
    Reason.INACTIVE: _("The mailbox is switched off."),
    Reason.REFUSED: _("The person or their carrier refuses our mail."),
    Reason.FULL: _("The mailbox has been full for weeks."),
    Reason.MANUAL: _("Somebody of your team stopped all mail to this person."),
    Reason.ERASED: _("This person asked to be forgotten."),
}
_REMEDIES: dict[str, str | Promise] = {
    "person": _("Only the person can change this, by subscribing again."),
    "proof": _("If the address works again, release it and say how you know."),
    "team": _("Your team can release it."),
    "list": _("Put the person on a list, if they agreed to it."),
    "left": _("Only the person can come back to a list they left."),
}


@dataclass(frozen=True)
class Standing:
    """Whether mail may go there. `state` is a badge of the kind "contact"; the rest is empty when it may."""

    mailable: bool
    state: str
    sentence: str | Promise = ""
    remedy: str | Promise = ""
    since: dt.datetime | None = None
    suppression: Suppression | None = None
    protective: bool = True  # healthy: it protects the person and our name; else it waits for somebody here

    @property
    def moves_along(self) -> bool:
        """Whether a new address of the person would be stopped just the same."""
        return self.suppression is not None and self.suppression.reason in OF_THE_PERSON


@dataclass(frozen=True)
class Earlier:
    """An address that the person had, and that is stopped."""

    address: str
    sentence: str | Promise


def of_many(workspace_id: int, contacts: Iterable[Contact]) -> dict[int, Standing]:
    """By contact id, in two queries. `search` finds people by the same rule: every mail goes through a list."""
    people = list(contacts)
    active = Suppression.objects.of(workspace_id).active().filter(address_key__in=[c.address_key for c in people])
    by_key = {row.address_key: row for row in active}
    lists = _lists(people)
    return {
        contact.pk: _standing(contact, by_key.get(contact.address_key), lists.get(contact.pk, set()))
        for contact in people
    }


def of_one(contact: Contact) -> Standing:
    return of_many(contact.workspace_id, [contact])[contact.pk]


def earlier(contact: Contact) -> list[Earlier]:
    """Which earlier addresses of the person are stopped, and why."""
    changes = contact.changes.filter(changes__has_key="address").values_list("changes__address__0", flat=True)
    had = {found.key: found.address for found in map(parse, changes) if isinstance(found, Address)}
    had.pop(contact.address_key, None)
    stops = Suppression.objects.of(contact.workspace_id).active().filter(address_key__in=had).order_by("pk")
    return [Earlier(had[row.address_key], _SENTENCES[row.reason]) for row in stops]


def _lists(people: list[Contact]) -> dict[int, set[str]]:
    """By contact id: the states of the lists they are on or have left."""
    found: dict[int, set[str]] = {}
    for pk, state in Subscription.objects.filter(contact__in=people).values_list("contact", "state"):
        found.setdefault(pk, set()).add(state)
    return found


def _standing(contact: Contact, suppression: Suppression | None, lists: set[str]) -> Standing:
    if contact.erased_at:
        return Standing(False, "erased", _SENTENCES[Reason.ERASED], "", contact.erased_at)
    if suppression is None:
        return _by_lists(lists)
    reason = suppression.reason
    return Standing(
        False,
        _STATES.get(Reason(reason), "bounced"),
        _SENTENCES[reason],
        _REMEDIES[remedy_of(reason)],
        suppression.created_at,
        suppression,
        protective=reason != Reason.MANUAL,
    )


def _by_lists(states: set[str]) -> Standing:
    """Of somebody whose address nothing stops."""
    if Subscription.State.SUBSCRIBED in states:
        return Standing(True, "yes")
    if states:
        return Standing(False, "unsubscribed", _("Left every list they were on."), _REMEDIES["left"])
    return Standing(False, "no_list", _("Is on no list."), _REMEDIES["list"], protective=False)


def remedy_of(reason: str) -> str:
    """Who can lift it: "person", "team", or the team with "proof"."""
    if reason in ONLY_THE_PERSON:
        return "person"
    return "team" if reason == Reason.MANUAL else "proof"
