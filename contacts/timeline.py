"""Everything that happened with one person, newest first. Other apps add their events by `register`."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from contacts.models import ConsentRecord, Contact, ContactChange, Field, Suppression


@dataclass(frozen=True)
class Event:
    """One line of the stream. `tone` and `icon` as in config/vocabulary; `decisive` fills its disc."""

    at: dt.datetime
    title: str
    icon: str
    tone: str = "mute"
    lines: list[str] = field(default_factory=list)
    by: str = ""
    url: str = ""
    decisive: bool = False
    kind: str = "change"  # the filter chip it belongs to: change, consent, or another app's


Source = Callable[[Contact, dt.datetime | None, int], Iterable[Event]]
"""(contact, only before this moment, at most so many) → events, newest first."""

_sources: dict[str, Source] = {}
KINDS: dict[str, str | Promise] = {
    "change": gettext_lazy("Changes"),
    "consent": gettext_lazy("Consent"),
}

_SOURCES: dict[str, str | Promise] = {
    "page": gettext_lazy("on this site"),
    "api": gettext_lazy("by a program"),
    "import": gettext_lazy("by an import"),
    "bulk": gettext_lazy("with many others"),
    "undo": gettext_lazy("taken back"),
    "readdressed": gettext_lazy("with the person, from their earlier address"),
    "sample": gettext_lazy("as sample data"),
    "link": gettext_lazy("by the link in a mail"),
    "one-click": gettext_lazy("by the button of their mail program"),
    "preferences": gettext_lazy("on the preferences page"),
    "confirmation": gettext_lazy("by the link mailed to them to confirm it"),
    "reply": gettext_lazy("after the answer of their mail server"),
    "bounce": gettext_lazy("by their mail server"),
    "report": gettext_lazy("by a report that came back"),
}
_NAMES: dict[str, str | Promise] = {
    "address": gettext_lazy("Email"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "language": gettext_lazy("Language"),
    "tags": gettext_lazy("Tags"),
}


def register(kind: str, title: str | Promise, source: Source) -> None:
    """Add a stream of events, with the words of its filter."""
    _sources[kind] = source
    KINDS[kind] = title


def events(contact: Contact, *, before: dt.datetime | None = None, kind: str = "", limit: int = 25) -> list[Event]:
    """The newest `limit` events before a moment, of one kind or of all."""
    sources = {"change": _changes, "consent": _consents} | _sources
    chosen = [source for name, source in sources.items() if kind in ("", name)]
    streams = [source(contact, before, limit) for source in chosen]
    return list(islice(heapq.merge(*streams, key=lambda event: event.at, reverse=True), limit))


def source_words(source: str) -> str:
    """How something came about, in words; the source itself where it is another app's."""
    return str(_SOURCES.get(source, source))


def _before(moment: dt.datetime | None) -> Q:
    return Q(at__lt=moment) if moment else Q()


def _changes(contact: Contact, before: dt.datetime | None, limit: int) -> list[Event]:
    found = contact.changes.filter(_before(before)).select_related("actor", "imported").order_by("-at", "-pk")[:limit]
    labels = dict(Field.objects.of(contact.workspace_id).values_list("key", "label"))
    return [_change(row, labels) for row in found]


def _change(row: ContactChange, labels: dict[str, str]) -> Event:
    url = reverse("contacts:import_result", args=[row.imported_id]) if row.imported_id else ""
    return Event(
        at=row.at,
        title=_change_title(row),
        icon="user-plus" if row.added else "pencil",
        lines=[_difference(name, old, new, labels) for name, (old, new) in row.changes.items()],
        by=str(row.actor or "") or ("" if row.imported_id else source_words(row.source)),
        url=url,
    )


def _change_title(row: ContactChange) -> str:
    if row.imported:
        words = {"file": row.imported.name, "row": f"{row.row:,}"}
        return (_("Added by %(file)s, row %(row)s") if row.added else _("Updated by %(file)s, row %(row)s")) % words
    if row.source == "undo":
        return _("Changes taken back")
    return pgettext("person", "Added") if row.added else _("Changed")


def _difference(name: str, old: Any, new: Any, labels: dict[str, str]) -> str:
    key = name.removeprefix("fields.")
    label = str(_NAMES.get(name) or labels.get(key, key))
    return f"{label}: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "–" if value in (None, "") else str(value)


def _consents(contact: Contact, before: dt.datetime | None, limit: int) -> list[Event]:
    found = contact.consents.filter(_before(before)).select_related("actor", "list").order_by("-at", "-pk")[:limit]
    return [_consent(row) for row in found]


def _consent(row: ConsentRecord) -> Event:
    action = ConsentRecord.Action
    looks = {
        action.SUBSCRIBED: ("list-check", "done"),
        action.RESUBSCRIBED: ("user-check", "done"),
        action.UNSUBSCRIBED: ("user-off", "mute"),
        action.STOPPED: ("ban", "stop"),
        action.RELEASED: ("lock-open", "run"),
        action.ASKED: ("mail", "wait"),
    }
    icon, tone = looks[action(row.action)]
    return Event(
        at=row.at,
        title=_consent_title(row),
        icon=icon,
        tone=tone,
        lines=[text for text in (row.statement, str(row.detail.get("reply", ""))) if text],
        by=" · ".join(text for text in (str(row.actor or ""), source_words(row.source)) if text),
        decisive=row.action == action.STOPPED,
        kind="consent",
    )


def _consent_title(row: ConsentRecord) -> str:
    action, name = row.action, row.list.name if row.list else _("a list that is gone")
    if action == ConsentRecord.Action.STOPPED:
        reason = row.detail.get("reason", "")
        why = Suppression.Reason(reason).label if reason in Suppression.Reason.values else reason
        return _("All mail stopped: %(why)s") % {"why": why}
    if action == ConsentRecord.Action.RELEASED:
        return _("Mail may go there again")
    if action == ConsentRecord.Action.ASKED:
        return _("Asked for mail again: a link to confirm it was mailed to them")
    words = {
        ConsentRecord.Action.SUBSCRIBED: _("Put on “%(list)s”"),
        ConsentRecord.Action.RESUBSCRIBED: _("Came back to “%(list)s”"),
        ConsentRecord.Action.UNSUBSCRIBED: _("Off “%(list)s”"),
    }
    return words[ConsentRecord.Action(action)] % {"list": name}
