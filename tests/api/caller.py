"""A program that uses the API with a key."""

from __future__ import annotations

import itertools
import json
from typing import Any

from django.test import Client

from accounts import api_keys
from accounts.api_keys import Scope
from accounts.models import User, Workspace
from tests.factories import make_user

_numbers = itertools.count(1)


class Caller:
    """`call("POST", "/lists", {...})`; what it gets is Django's response, whose `.json()` is the answer."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str) -> Any:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key:
            sent["Idempotency-Key"] = key
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, f"/api/v1{path}", data, content_type="application/json", headers=sent)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """For a request that must succeed; it sends an Idempotency-Key of its own, which others ignore."""
        answer = self.call("POST", path, body, **{"key": f"test-{next(_numbers)}", **more})
        assert answer.status_code in (200, 201, 202), answer.content
        return answer.json()


def caller_of(workspace: Workspace, *scopes: Scope, by: User | None = None) -> Caller:
    """With all scopes unless some are named; made by an administrator of the install unless by somebody."""
    maker = by or make_user(is_install_admin=True)
    _key, token = api_keys.create(workspace, name="Shop", scopes=scopes or tuple(Scope), by=maker)
    return Caller(token)


def fields_of(answer: Any) -> set[str]:
    """The fields that a problem document names."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    return {error["field"] for error in answer.json()["errors"]}
