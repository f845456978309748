"""The audit log: who did what, when. Entries are only ever added."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import ApiKey, AuditEntry, User, Workspace

Actor = HttpRequest | User | ApiKey | None

_titles: dict[str, str | Promise] = {}
_NAMES: dict[str, Promise] = {
    "after": pgettext_lazy("audit", "After"),
    "before": pgettext_lazy("audit", "Before"),
    "fields": _("What was changed"),
    "filter": _("Filter"),
    "kind": _("Kind"),
    "list": _("List"),
    "note": _("Note"),
    "people": pgettext_lazy("number", "People"),
    "prefix": _("Begins with"),
    "reason": _("Reason"),
    "role": _("Role"),
    "rows": _("Rows"),
    "scopes": _("May do"),
    "site": _("Provider"),
    "start_at": pgettext_lazy("audit", "Start"),
    "zone": _("Time zone"),
}


def register(titles: Mapping[str, str | Promise]) -> None:
    """Plain words for the actions of an app: `{"list.created": _("Created a list")}`."""
    _titles.update(titles)


def title(action: str) -> str:
    """The action in words; its own name when no app registered any."""
    return str(_titles.get(action, action))


def actions() -> list[tuple[str, str]]:
    """(action, words), for a filter."""
    return sorted(((action, str(words)) for action, words in _titles.items()), key=lambda pair: pair[1])


def details(entry: AuditEntry) -> Iterator[tuple[str, str, dt.datetime | None]]:
    """(name, value, the time if it is one) of what the entry holds besides; what is empty says nothing."""
    for name, value in entry.data.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            value = [f"{key}: {part}" for key, part in value.items()]
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield str(_NAMES.get(name, name)), text, parse_datetime(text) if name.endswith("_at") else None


def record(actor: Actor, workspace: Workspace | None, action: str, obj: object = None, **data: Any) -> AuditEntry:
    """Add an entry. `actor`: the request, a person, a key, or None for the product itself.

    `obj` is the row it happened to, or plain text. `data` goes into the log as it is: no secrets.
    """
    user, key = _who(actor)
    row = obj if isinstance(obj, models.Model) else None
    return AuditEntry.objects.create(
        workspace=workspace,
        actor=user,
        api_key=key,
        actor_label=name_of(actor),
        action=action,
        object_type=row._meta.label_lower if row else "",
        object_id=str(row.pk) if row else "",
        label="" if obj is None else str(obj)[:200],
        data=data,
    )


def name_of(actor: Actor) -> str:
    """As the log names whoever did it; "" for the product itself."""
    user, key = _who(actor)
    return str(user or key or "")[:200]


def _who(actor: Actor) -> tuple[User | None, ApiKey | None]:
    if isinstance(actor, HttpRequest):
        key = getattr(actor, "auth", None)  # what django-ninja's authentication returned
        if isinstance(key, ApiKey):
            return None, key
        return (actor.user, None) if isinstance(actor.user, User) else (None, None)
    if isinstance(actor, ApiKey):
        return None, actor
    return actor, None
