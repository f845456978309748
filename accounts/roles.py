"""Who may do what: the one place that says it."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from accounts.models import Membership, User, Workspace

P = ParamSpec("P")


class Role(models.TextChoices):
    """What a member of a workspace is. Each role can do all that the ones before it can."""

    VIEWER = "viewer", _("Viewer")
    AUTHOR = "author", _("Author")
    SENDER = "sender", _("Sender")
    ADMIN = "admin", _("Admin")


class Can(enum.StrEnum):
    """One thing a person may do. The sentence is shown where it is refused."""

    VIEW = "view"
    WRITE_CONTACTS = "write_contacts"
    WRITE_CAMPAIGNS = "write_campaigns"
    SEND = "send"
    SEE_AUDIT = "see_audit"
    MANAGE_WORKSPACE = "manage_workspace"
    MANAGE_INSTALL = "manage_install"


# The matrix. MANAGE_INSTALL is in no role: it belongs to people with `is_install_admin`,
# since routes and limits are shared by all workspaces.
MATRIX: dict[Role, frozenset[Can]] = {
    Role.VIEWER: frozenset({Can.VIEW}),
    Role.AUTHOR: frozenset({Can.VIEW, Can.WRITE_CONTACTS, Can.WRITE_CAMPAIGNS}),
    Role.SENDER: frozenset({Can.VIEW, Can.WRITE_CONTACTS, Can.WRITE_CAMPAIGNS, Can.SEND}),
    Role.ADMIN: frozenset(
        {Can.VIEW, Can.WRITE_CONTACTS, Can.WRITE_CAMPAIGNS, Can.SEND, Can.SEE_AUDIT, Can.MANAGE_WORKSPACE}
    ),
}

SENTENCES: dict[Can, Promise] = {
    Can.VIEW: _("See contacts, campaigns and reports."),
    Can.WRITE_CONTACTS: _("Add, change, import and export contacts."),
    Can.WRITE_CAMPAIGNS: _("Write campaigns and send tests."),
    Can.SEND: _("Schedule, send, pause and stop campaigns."),
    Can.SEE_AUDIT: _("Read the audit log."),
    Can.MANAGE_WORKSPACE: _("Change the workspace, its team, sending domains and API keys."),
    Can.MANAGE_INSTALL: _("Change delivery routes and limits, which all workspaces share."),
}


def allows(role: Role | str | None, can: Can, *, install_admin: bool = False) -> bool:
    """Whether a member with `role` may do it; None is a person who is no member."""
    if can is Can.MANAGE_INSTALL:
        return install_admin
    return role is not None and can in MATRIX[Role(role)]


class Permissions:
    """`{% if can.send %}` in templates: one attribute for each member of `Can`."""

    def __init__(self, role: Role | str | None, *, install_admin: bool = False) -> None:
        self._role, self._install_admin = role, install_admin

    def __getattr__(self, name: str) -> bool:
        if name.startswith("_"):
            raise AttributeError(name)
        return self(Can(name))

    def __getitem__(self, name: str) -> bool:
        return self(Can(name))

    def __call__(self, can: Can) -> bool:
        return allows(self._role, can, install_admin=self._install_admin)


# A permission is data for templates, not something to call there.
Permissions.do_not_call_in_templates = True  # type: ignore[attr-defined]


class WorkspaceRequest(HttpRequest):
    """A request that passed `requires`: `WorkspaceMiddleware` has set these."""

    user: User
    workspace: Workspace
    membership: Membership
    can: Permissions
    htmx: HtmxDetails


View = Callable[Concatenate[Any, P], HttpResponseBase]


def requires(can: Can, *, post: Can | None = None) -> Callable[[View[P]], View[P]]:
    """Let only people in who may do `can` in the current workspace; with `post`, a POST needs that instead.

    Signed-out people go to sign-in and come back; others get a page that says what is missing.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            needed = post if post and request.method == "POST" else can
            refusal = _refusal(request, needed)
            return refusal or view(request, *args, **kwargs)

        guarded.requires = can  # type: ignore[attr-defined]  # read by the middleware and by the access matrix test
        guarded.requires_post = post or can  # type: ignore[attr-defined]
        return guarded

    return decorate


def _refusal(request: Any, needed: Can) -> HttpResponseBase | None:
    if not request.user.is_authenticated:
        return _to_sign_in(request)
    if request.workspace is None and needed is not Can.MANAGE_INSTALL:
        return redirect("accounts:workspaces")
    return None if request.can(needed) else refuse(request, needed)


def _to_sign_in(request: Any) -> HttpResponseBase:
    """A fragment would show the sign-in form in its own small place: the whole page goes there instead."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    page = request.htmx.current_url_abs_path or "/"
    return HttpResponseClientRedirect(redirect_to_login(page, settings.LOGIN_URL).url)


def refuse(request: HttpRequest, can: Can) -> HttpResponse:
    """403 in words: what is missing, and who can give it."""
    return render(request, "403.html", {"needed": SENTENCES[can]}, status=403)
