"""Requests that no page of ours sends: NUL, lone surrogates, huge numbers where a view reads by itself. Never a 500."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts.models import Role
from tests import factories
from tests.accounts.test_access_matrix import Page, walk
from tests.factories import make_member, make_workspace
from tests.hostile.conftest import client_of

factories.load()
_READ = re.compile(r"""\b(?:GET|POST)(?:\.get(?:list)?\(|\[)["'](\w+)["']""")
ODD = ["\0", "9" * 30, "\ud800"]
# They look into the DNS, start a child for every look, or end the session.
SLOW = {"delivery:domain_check", "delivery:route_test", "account_logout"}
_READS_NONE = {f"campaigns:{name}" for name in ("send", "audience", "funnel", "schedule", "test", "tests", "route")}


def read_by(page: Page) -> set[str]:
    """The parameters that the view's module reads without a form."""
    module = sys.modules.get(page.module)
    source = Path(module.__file__).read_text() if module and module.__file__ else ""
    names = set(_READ.findall(source))
    return names | {"before", "after", "q", "list"} if "page_of" in source or "Filter.of" in source else names


def _is_tried(page: Page) -> bool:
    return (page.guarded or page.module.endswith("public_views")) and page.name not in SLOW | _READS_NONE


PAGES = [(page, read_by(page)) for page in walk(get_resolver().url_patterns) if _is_tried(page)]


@pytest.mark.django_db
def test_no_odd_parameter_breaks_a_page() -> None:
    workspace = make_workspace()
    client = client_of(make_member(workspace, Role.ADMIN, is_install_admin=True))
    assert {"q", "check", "outcome", "kind", "who", "action"} <= {name for _page, names in PAGES for name in names}
    broken = [
        f"{how} {page.name} {odd!a}"
        for page, names in PAGES
        if names
        for path in [page.path(workspace)]
        for odd in ODD
        for how in ("get", "post")
        if status(client, how, path, dict.fromkeys(names, odd)) >= 500
    ]
    assert not broken, "\n".join(broken)


def status(client: Client, how: str, path: str, given: dict[str, str]) -> int:
    sent = urlencode(given, errors="surrogatepass")
    if how == "get":
        return client.get(path, QUERY_STRING=sent).status_code
    return client.post(path, sent, content_type="application/x-www-form-urlencoded").status_code


@pytest.mark.django_db
def test_no_odd_name_breaks_the_sign_in(client: Client) -> None:
    client.raise_request_exception = False
    make_member(make_workspace())
    for odd in ODD:
        assert status(client, "post", "/login", {"login": odd, "password": odd}) < 500, ascii(odd)
