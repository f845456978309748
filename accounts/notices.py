"""Notices: what a person should know, kept as kind and params, worded in the reader's language when read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise

from accounts.models import Notice, User, Workspace

Render = Callable[[Mapping[str, Any]], str | Promise]

_renders: dict[str, Render] = {}


def register(kind: str, render: Render) -> None:
    """`render(params)` gives one sentence in the active language."""
    _renders[kind] = render


def text(notice: Notice) -> str:
    """The sentence; the bare kind when its app is gone."""
    render = _renders.get(notice.kind)
    return str(render(notice.params)) if render else notice.kind


def send(
    users: Iterable[User], workspace: Workspace, kind: str, *, params: Mapping[str, Any] | None = None, url: str = ""
) -> list[Notice]:
    """One notice for each person. `url` is a path of ours that shows more."""
    rows = [Notice(user=user, workspace=workspace, kind=kind, params=dict(params or {}), url=url) for user in users]
    return Notice.objects.bulk_create(rows)


def of(user: User) -> QuerySet[Notice]:
    """This person's notices from workspaces they still belong to, newest first."""
    return (
        Notice.objects.filter(user=user, workspace__memberships__user=user).select_related("workspace").order_by("-pk")
    )


def unread(user: User) -> int:
    return of(user).filter(read_at=None).count()


def mark_read(user: User, pk: int | None = None) -> int:
    """Mark one, or all. Returns how many were new."""
    rows = Notice.objects.filter(user=user, read_at=None)
    return (rows if pk is None else rows.filter(pk=pk)).update(read_at=timezone.now())
