"""Keyset pages over a column that only grows, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows, and the query strings of the neighbours ("" where there are none)."""

    rows: list[M]
    newer: str
    older: str


def page_of(rows: QuerySet[M], query: QueryDict, *, size: int) -> Page[M]:
    """`?before=<id>` and `?after=<id>`; anything else there counts as absent."""
    before, after = _number(query.get("before")), _number(query.get("after"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        more, shown = len(found) > size, found[:size][::-1]
        return Page(shown, _link(query, "after", shown[:1]) if more else "", _link(query, "before", shown[-1:]))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    shown = found[:size]
    newer = _link(query, "after", shown[:1]) if before is not None else ""
    return Page(shown, newer, _link(query, "before", shown[-1:]) if len(found) > size else "")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _link(query: QueryDict, name: str, edge: list[M]) -> str:
    if not edge:
        return ""
    link = query.copy()
    for old in ("before", "after"):
        link.pop(old, None)
    link[name] = str(edge[0].pk)
    return "?" + link.urlencode()
