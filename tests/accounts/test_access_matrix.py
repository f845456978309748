"""Every page × every role × an object of another workspace: refused. Generated, so that no new page can skip it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import Role, Workspace
from accounts.roles import Can, allows
from tests import factories
from tests.factories import make_member, make_workspace, value_for

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
REFUSED = {403, 404}
WRONG_METHOD = 405


@dataclass(frozen=True)
class Page:
    name: str
    parameters: tuple[str, ...]
    can: Can | None
    can_post: Can | None
    module: str

    @property
    def guarded(self) -> bool:
        return self.can is not None

    def path(self, workspace: Workspace) -> str:
        return reverse(self.name, kwargs={name: value_for(self.name, name, workspace) for name in self.parameters})


def walk(patterns: Any, spaces: tuple[str, ...] = (), route: str = "") -> Iterator[Page]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inside = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from walk(pattern.url_patterns, inside, here)
        elif isinstance(pattern, URLPattern) and pattern.name and not here.startswith("api/"):
            yield page_of(pattern, spaces)


def page_of(pattern: URLPattern, spaces: tuple[str, ...]) -> Page:
    view = pattern.callback
    parameters = dict.fromkeys([*pattern.pattern.converters, *pattern.pattern.regex.groupindex])
    can = getattr(view, "requires", None)
    return Page(
        ":".join((*spaces, pattern.name or "")),
        tuple(parameters),
        can,
        getattr(view, "requires_post", can),
        getattr(view, "__module__", ""),
    )


factories.load()
PAGES = list(walk(get_resolver().url_patterns))
GUARDED = [page for page in PAGES if page.guarded]
OWNED = [page for page in GUARDED if page.parameters and page.name not in factories.OWNERLESS]


def named(page: Page) -> str:
    return page.name


def sign_in(role: Role, workspace: Workspace, *, install_admin: bool = False) -> Client:
    client = Client()
    client.force_login(make_member(workspace, role, is_install_admin=install_admin), backend=BACKEND)
    return client


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_says_who_may_open_it(page: Page) -> None:
    public = page.module.endswith("public_views") or any(fnmatchcase(page.name, name) for name in factories.OPEN)
    assert page.guarded or public, f"{page.name} has no @requires and is not in tests/factories.py OPEN"


@pytest.mark.django_db
@pytest.mark.parametrize("page", OWNED, ids=named)
def test_no_role_reaches_an_object_of_another_workspace(page: Page) -> None:
    workspace, path = make_workspace(), page.path(make_workspace("Another brand"))
    for role in Role:
        client = sign_in(role, workspace)
        answers = {client.get(path).status_code, client.post(path).status_code}
        assert answers <= {*REFUSED, WRONG_METHOD} and answers & REFUSED, f"{role} {path}: {answers}"


@pytest.mark.django_db
@pytest.mark.parametrize("page", GUARDED, ids=named)
def test_signed_out_people_are_sent_to_sign_in(page: Page, client: Client) -> None:
    workspace = make_workspace()
    make_member(workspace)
    path = page.path(workspace)
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == WRONG_METHOD or answer.headers.get("Location", "").startswith("/login?next=")


@pytest.mark.django_db
@pytest.mark.parametrize("page", GUARDED, ids=named)
def test_a_role_that_may_not_is_refused_in_its_own_workspace(page: Page) -> None:
    assert page.can and page.can_post
    workspace = make_workspace()
    path = page.path(workspace)
    for role in Role:
        client = sign_in(role, workspace)
        if not allows(role, page.can):
            assert client.get(path).status_code in {403, WRONG_METHOD}, role
        if not allows(role, page.can_post):
            assert client.post(path).status_code in {403, WRONG_METHOD}, role


@pytest.mark.django_db
@pytest.mark.parametrize("page", GUARDED, ids=named)
def test_an_admin_opens_every_page_of_their_own_workspace(page: Page) -> None:
    workspace = make_workspace()
    client = sign_in(Role.ADMIN, workspace, install_admin=True)
    assert client.get(page.path(workspace)).status_code in {200, 302, 304, WRONG_METHOD}


@pytest.mark.django_db
def test_a_notice_of_somebody_else_is_not_found() -> None:
    workspace = make_workspace()
    client = sign_in(Role.ADMIN, workspace)
    assert client.post(reverse("accounts:notice", args=[value_for("", "notice", workspace)])).status_code == 404


@pytest.mark.django_db
def test_nobody_switches_to_a_workspace_they_do_not_belong_to() -> None:
    client, foreign = sign_in(Role.ADMIN, make_workspace()), make_workspace("Another brand")
    answer = client.post(reverse("accounts:switch_workspace"), {"workspace": foreign.pk})
    assert answer.status_code == 404
    assert "workspace" not in client.session
