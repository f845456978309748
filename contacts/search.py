"""Find people: by words, list, tag and state. Nothing here counts or reads a big table as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Lower

from accounts.models import Workspace
from contacts import counts
from contacts.models import Contact, Subscription, Suppression
from contacts.subscriptions import ONLY_THE_PERSON

SMALL = 100_000  # people; up to here words are looked for anywhere, beyond at the beginning of address and names
COUNTED = 10_000  # beyond, "more than"
NEWEST = 20_000  # people whose tags are suggested
STATES = ("mailable", "stopped", "unsubscribed", "complaint", "undeliverable", "manual", "no_list", "left")


@dataclass(frozen=True)
class Filter:
    """What a person asked for; every part may be empty. `left` is the chosen list, or any without one."""

    q: str = ""
    list: int = 0
    tag: str = ""
    state: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Filter:
        """From a query string or from storage; what makes no sense there counts as absent."""
        found = str(query.get("list") or "")
        number = int(found) if found.isascii() and found.isdigit() and len(found) < 19 else 0
        state = str(query.get("state") or "")
        words = str(query.get("q") or "").replace("\0", "").strip()[:200]
        tag = str(query.get("tag") or "").replace("\0", "").strip()[:200]
        return cls(words, number, tag, state if state in STATES else "")

    @property
    def empty(self) -> bool:
        return self == Filter()

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


def find(workspace: Workspace, wanted: Filter) -> QuerySet[Contact]:
    """Who matches; page it by keyset. Erased people are nobody's to find."""
    people: QuerySet[Contact] = Contact.objects.of(workspace).filter(erased_at=None)
    if wanted.list:
        state = Subscription.State.UNSUBSCRIBED if wanted.state == "left" else Subscription.State.SUBSCRIBED
        people = people.filter(subscriptions__list_id=wanted.list, subscriptions__state=state)
    if wanted.tag:
        people = people.filter(tags__contains=[wanted.tag])
    if wanted.state:
        people = _by_state(people, workspace, wanted.state)
    return _by_words(people, workspace, wanted.q) if wanted.q else people


def how_many(workspace: Workspace, wanted: Filter) -> tuple[int, bool]:
    """(how many match, whether that is all of them): exact up to COUNTED, and wherever a counter knows."""
    if wanted.empty:
        return counts.people(workspace).total, True
    if wanted == Filter(list=wanted.list):
        return counts.members(workspace, [wanted.list])[wanted.list].subscribed, True
    found = find(workspace, wanted).order_by().values("pk")[: COUNTED + 1].count()
    return min(found, COUNTED), found <= COUNTED


def known_tags(workspace: Workspace) -> list[str]:
    """The tags in use among the newest people."""
    sql = """SELECT DISTINCT tag FROM (SELECT tags FROM contacts_contact WHERE workspace_id = %s
               ORDER BY id DESC LIMIT %s) newest, unnest(tags) tag ORDER BY tag LIMIT 200"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [workspace.pk, NEWEST])
        return [row[0] for row in cursor.fetchall()]


def _by_state(people: QuerySet[Contact], workspace: Workspace, state: str) -> QuerySet[Contact]:
    """As `standing` says it of one person."""
    active = Suppression.objects.of(workspace).active().filter(address_key=OuterRef("address_key"))
    lists = Subscription.objects.filter(contact=OuterRef("pk"))
    on_one = Exists(lists.filter(state=Subscription.State.SUBSCRIBED))
    left_one = Exists(lists.filter(state=Subscription.State.UNSUBSCRIBED))
    if state == "mailable":
        return people.filter(on_one).exclude(Exists(active))
    if state == "stopped":
        return people.filter(Exists(active) | ~on_one)
    if state == "unsubscribed":
        left_all = left_one & ~on_one & ~Exists(active)
        return people.filter(Exists(active.filter(reason=Suppression.Reason.UNSUBSCRIBED)) | left_all)
    if state == "no_list":
        return people.exclude(on_one)
    if state == "left":
        return people.filter(left_one)
    if state == "undeliverable":
        return people.filter(Exists(active.exclude(reason__in=[*ONLY_THE_PERSON, Suppression.Reason.MANUAL])))
    return people.filter(Exists(active.filter(reason=state)))


def _by_words(people: QuerySet[Contact], workspace: Workspace, text: str) -> QuerySet[Contact]:
    """Every word must be found in the address, a name, or (in a small workspace) any custom field."""
    if counts.people(workspace).total > SMALL:
        people = people.annotate(first=Lower("first_name"), last=Lower("last_name"))
        for word in text.lower().split():
            names = Q(first__startswith=word) | Q(last__startswith=word)
            people = people.filter(Q(address_key__startswith=word) | names | Q(domain=word.removeprefix("@")))
        return people
    people = people.annotate(all_fields=Cast(F("fields"), TextField()))
    for word in text.split():
        names = Q(first_name__icontains=word) | Q(last_name__icontains=word)
        people = people.filter(Q(address__icontains=word) | names | Q(all_fields__icontains=word))
    return people
