"""The audit log: who did what, when. Entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.models import ApiKey, AuditEntry, User, Workspace

Actor = HttpRequest | User | ApiKey | None

_titles: dict[str, str | Promise] = {}


def register(titles: Mapping[str, str | Promise]) -> None:
    """Plain words for the actions of an app: `{"list.created": _("Created a list")}`."""
    _titles.update(titles)


def title(action: str) -> str:
    """The action in words; its own name when no app registered any."""
    return str(_titles.get(action, action))


def actions() -> list[tuple[str, str]]:
    """(action, words), for a filter."""
    return sorted(((action, str(words)) for action, words in _titles.items()), key=lambda pair: pair[1])


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
        actor_label=str(user or key or "")[:200],
        action=action,
        object_type=row._meta.label_lower if row else "",
        object_id=str(row.pk) if row else "",
        label="" if obj is None else str(obj)[:200],
        data=data,
    )


def _who(actor: Actor) -> tuple[User | None, ApiKey | None]:
    if isinstance(actor, HttpRequest):
        key = getattr(actor, "auth", None)  # what django-ninja's authentication returned
        if isinstance(key, ApiKey):
            return None, key
        return (actor.user, None) if isinstance(actor.user, User) else (None, None)
    if isinstance(actor, ApiKey):
        return None, actor
    return actor, None
