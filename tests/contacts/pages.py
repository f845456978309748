"""How the tests of the pages open and post them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role, Workspace
from contacts import importing
from contacts.models import Import
from tests.factories import make_member

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def sign_in(workspace: Workspace, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(workspace, role), backend=BACKEND)
    return client


def get(client: Client, name: str, /, *args: int, **query: str) -> str:
    answer = client.get(reverse(f"contacts:{name}", args=args), query)
    assert answer.status_code == 200, answer
    return text_of(answer)


def text_of(answer: Any) -> str:
    content = answer.getvalue() if answer.streaming else answer.content
    return str(content.decode())


def post(client: Client, name: str, /, *args: int, **data: Any) -> Any:
    return client.post(reverse(f"contacts:{name}", args=args), data, follow=True)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def work(row: Import) -> Import:
    row.refresh_from_db()
    while importing.advance(row.job_id or 0):
        pass
    row.refresh_from_db()
    return row
