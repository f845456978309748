"""What every template knows of the person who reads it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import notices
from accounts.models import User


def person(request: HttpRequest) -> dict[str, Any]:
    """`can.send` and its like, `workspace`, `memberships`, `theme`, and `unread_notices` (asked only where shown)."""
    return {
        "can": getattr(request, "can", None),
        "workspace": getattr(request, "workspace", None),
        "memberships": getattr(request, "memberships", []),
        "theme": getattr(request, "theme", "system"),
        "unread_notices": SimpleLazyObject(lambda: _unread(request)),
    }


def _unread(request: HttpRequest) -> int:
    return notices.unread(request.user) if isinstance(request.user, User) else 0
