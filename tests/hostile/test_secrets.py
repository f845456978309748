"""Canary secrets, and then a search for them: in the database, pages, API answers, exports, logs, task arguments (T13, T30)."""

from __future__ import annotations

import base64
import inspect
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from accounts import api_keys, fields, team
from accounts.api_keys import Scope
from accounts.models import Role, User, Workspace
from accounts.sessions import kept_as
from campaigns.models import Campaign
from config.celery import app
from delivery import copies, domains, mailbox
from delivery.models import FromAddress, Message, Route, SandboxMail
from delivery.sandbox import store
from delivery.smtp.client import Endpoint, Security
from tests import factories
from tests.accounts.test_access_matrix import walk

SMTP_PASSWORD = "canary-smtp-7f3a9b"
LOGIN_PASSWORD = "canary-login-51c0de"
# They look into the DNS or end the session.
SKIPPED = {"delivery:domain_check", "account_logout"}


@pytest.fixture
def canaries(owner: User, draft: Campaign) -> dict[str, bytes]:
    """By name, as they would be found."""
    owner.set_password(LOGIN_PASSWORD)
    owner.save()
    route = Route(name="Office", kind=Route.Kind.SMARTHOST, host="127.0.0.1", port=1, username="minori")
    fields.seal(route, "password_sealed", SMTP_PASSWORD)
    route.save()
    route.workspaces.add(draft.workspace)
    domain = domains.add(draft.workspace, "news.minori.example", actor=owner)
    FromAddress.objects.create(workspace=draft.workspace, sending_domain=domain, local_part="a", name="Minori")
    pem = fields.reveal(domain.dkim_keys.get(), "private_sealed")
    _key, token = api_keys.create(draft.workspace, name="Shop", scopes=tuple(Scope), by=owner)
    _invitation, invited = team.invite(draft.workspace, email="ken@minori.example", role=Role.AUTHOR, by=owner)
    found = {
        "SMTP password": SMTP_PASSWORD,
        "password": LOGIN_PASSWORD,
        "API key": token,
        "SECRET_KEY": settings.SECRET_KEY,
    }
    body = "".join(line for line in pem.splitlines() if "-----" not in line)
    found |= {"DKIM key": body[40:100], "invitation": invited}
    secrets = {name: text.encode() for name, text in found.items()}
    for name in ("ENCRYPTION_KEYS", "TOKEN_KEYS"):
        secrets |= {f"{name} {key}": raw for key, raw in getattr(settings, name).items()}
    return secrets


def spelt(secret: bytes) -> list[bytes]:
    """As it is, in base64 and in hex."""
    return [
        secret,
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        secret.hex().encode(),
    ]


def leaked(canaries: dict[str, bytes], text: bytes) -> list[str]:
    lower = text.lower()
    return [
        name
        for name, secret in canaries.items()
        if any(one in text or one.hex().encode() in lower for one in spelt(secret))
    ]


def dump() -> bytes:
    """Every row of every table, as text: what a dump would hold."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows).encode()


@pytest.mark.django_db
def test_no_dump_holds_a_secret(canaries: dict[str, bytes]) -> None:
    text = dump()
    assert b"news.minori.example" in text and leaked(canaries, text) == []
    assert leaked({"itself": b"news.minori.example"}, text), "the search finds what is there"


@pytest.mark.django_db
def test_the_links_of_an_invitation_and_a_reset_are_in_no_dump_and_work(
    canaries: dict[str, bytes], owner: User, workspace: Workspace, client: Client, settings: Any
) -> None:
    """Whoever reads a backup becomes nobody. The mails themselves are told, and kept by the sandbox, as ever."""
    settings.EMAIL_BACKEND = "delivery.mail.EmailBackend"
    cache.clear()  # it counts the resets
    invitation = workspace.invitations.get(email="ken@minori.example")
    assert team.mail_invitation(invitation, canaries["invitation"].decode())
    assert client.post(reverse("account_reset_password"), {"email": owner.email}).status_code == 302
    messages = list(Message.objects.order_by("pk").select_related("mailing"))
    sent = [copies.copy_of(message, timezone.now()) for message in messages]
    store.insert(
        [store.Taken("", message.rcpt, copy.data) for message, copy in zip(messages, sent, strict=True) if copy]
    )

    told = [mailbox.read(mail) for mail in SandboxMail.objects.order_by("pk")]
    links = [re.findall(r"https?://\S+", letter.text) for letter in told]
    assert [len(found) for found in links] == [1, 1], "one link each, to the page itself and not to a redirect"
    assert all(found[0] in letter.html for found, letter in zip(links, told, strict=True))
    secrets = {found[0]: found[0].rstrip("/").rpartition("/")[2].encode() for found in links}
    assert [client.get(link).status_code for link in secrets] == [200, 302]
    text = dump()
    assert b"ken@minori.example" in text and leaked(secrets, text) == []


@pytest.mark.django_db
def test_no_dump_holds_the_key_or_the_data_of_a_session(owner: User, browser: Client) -> None:
    key = browser.cookies["sessionid"].value
    assert (
        browser.get("/").status_code == 200
        and Client(headers={"cookie": f"sessionid={key}"}).get("/").wsgi_request.user == owner
    )
    kept = Session.objects.get()
    assert leaked({"session": key.encode()}, dump()) == [] and kept.get_decoded() == {}
    assert Client(headers={"cookie": f"sessionid={kept.session_key}"}).get("/").status_code == 302
    Session.objects.update(session_key=kept_as("a" * 32))
    moved = Client(headers={"cookie": f"sessionid={'a' * 32}"})
    assert moved.get("/").status_code == 302, "data copied to a session of one's own does not open"
    browser.post(reverse("account_logout"))
    assert browser.get("/").status_code == 302


@pytest.mark.django_db
def test_no_page_no_answer_of_the_api_and_no_log_holds_a_secret(
    canaries: dict[str, bytes], owner: User, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = canaries["API key"].decode()
    client = Client(raise_request_exception=False)
    assert client.post("/login", {"login": owner.email, "password": LOGIN_PASSWORD}).status_code == 302
    factories.load()
    found = {path: leaked(canaries, body) for path, body in (*pages(client, workspace), *answers(token, workspace))}
    assert len(found) > 60 and not {path: names for path, names in found.items() if names}
    Client().post("/login", {"login": owner.email, "password": "canary-wrong-guess"})
    logged = caplog.text.encode()
    assert leaked(canaries | {"a wrong guess": b"canary-wrong-guess"}, logged) == []


def pages(client: Client, workspace: Workspace) -> Iterator[tuple[str, bytes]]:
    """Each page and export of the workspace itself, the edit form of the route among them."""
    own = {"route": Route.objects.get(name="Office").pk, "domain": workspace_domain(workspace)}
    for page in walk(get_resolver().url_patterns):
        if (
            not page.guarded
            or page.name in SKIPPED
            or (page.name.startswith("campaigns:") and page.name != "campaigns:list")
        ):
            continue
        kind = next((kind for kind in own if page.parameters and page.name.startswith(f"delivery:{kind}")), None)
        path = reverse(page.name, args=[own[kind]]) if kind else page.path(workspace)
        answer = client.get(path)
        yield path, b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[arg-type]


def workspace_domain(workspace: Workspace) -> int:
    return int(FromAddress.objects.of(workspace).filter(local_part="a").earliest("pk").sending_domain_id)


def answers(token: str, workspace: Workspace) -> Iterator[tuple[str, bytes]]:
    client = Client(raise_request_exception=False)
    ids = {
        "routes": Route.objects.get(name="Office").pk,
        "domains": workspace_domain(workspace),
        "campaigns": Campaign.objects.latest("pk").pk,
    }
    paths = [
        f"/api/v1/{name}" for name in ("lists", "contacts", "imports", "domains", "routes", "campaigns", "suppressions")
    ]
    paths += [f"/api/v1/{name}/{pk}" for name, pk in ids.items()] + ["/api/v1/openapi.json"]
    for path in paths:
        yield path, client.get(path, headers={"Authorization": f"Bearer {token}"}).content


def test_tasks_take_an_id_or_nothing() -> None:
    """So nothing secret, and nobody's address, is ever in the broker."""
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) > 10
    for task in ours:
        taken = inspect.signature(task.run, eval_str=True).parameters.values()
        assert all(one.annotation is int for one in taken), task.name


def test_values_that_carry_a_secret_do_not_print_it() -> None:
    """A traceback or a log line that shows an endpoint shows no password."""
    endpoint = Endpoint(
        host="127.0.0.1", port=587, security=Security.STARTTLS, username="minori", password=SMTP_PASSWORD
    )
    assert SMTP_PASSWORD not in repr(endpoint) and SMTP_PASSWORD not in str(endpoint)


@pytest.mark.django_db
def test_a_secret_in_a_form_that_is_refused_is_not_shown_again(owner: User, browser: Client) -> None:
    form = {
        "name": "Office",
        "kind": "smarthost",
        "host": "not a host",
        "port": "587",
        "security": "starttls",
        "password": SMTP_PASSWORD,
    }
    answer = browser.post(reverse("delivery:route_new"), form)
    assert answer.status_code == 422 and SMTP_PASSWORD not in answer.content.decode()
    login = Client().post("/login", {"login": owner.email, "password": SMTP_PASSWORD})
    assert SMTP_PASSWORD not in login.content.decode()
