"""Every page knows who asks, in which workspace, in which language and time zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation

from accounts import setup
from accounts.models import Membership, Theme, User
from accounts.roles import Permissions

SESSION_KEY = "workspace"
THEME_COOKIE = "theme"

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class WorkspaceMiddleware:
    """Sets `request.memberships`, `.membership`, `.workspace` (None for strangers), `.can` and `.theme`.

    A visitor without a session costs no query, since pixels and links in mails come this way too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        user = request.user if request.user.is_authenticated else None
        request.memberships = _memberships(user)
        request.membership = _current(request.memberships, request.session.get(SESSION_KEY) if user else None)
        request.workspace = request.membership.workspace if request.membership else None
        request.can = permissions(request.membership, user)
        request.theme = user.theme if user else _theme(request.COOKIES.get(THEME_COOKIE))
        if user is None:
            return self.get_response(request)
        translation.activate(user.language)
        request.LANGUAGE_CODE = user.language
        with timezone.override(zoneinfo.ZoneInfo(user.time_zone)):
            return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """On an empty install every page of ours leads to set-up."""
        ours = hasattr(view, "requires") or getattr(view, "leads_to_setup", False)
        if ours and not request.user.is_authenticated and setup.needs_owner():
            return redirect("accounts:setup")
        return None


def permissions(membership: Membership | None, user: User | None) -> Permissions:
    return Permissions(membership.role if membership else None, install_admin=bool(user and user.is_install_admin))


def _memberships(user: User | None) -> list[Membership]:
    if user is None:
        return []
    return list(user.memberships.select_related("workspace").order_by("workspace__name", "pk"))


def _current(memberships: list[Membership], chosen: int | None) -> Membership | None:
    """The one chosen last, else the first."""
    for membership in memberships:
        if membership.workspace_id == chosen:
            return membership
    return memberships[0] if memberships else None


def _theme(cookie: str | None) -> str:
    return cookie if cookie in Theme.values else Theme.SYSTEM
