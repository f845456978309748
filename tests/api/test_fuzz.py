"""Schemathesis over the OpenAPI document: no answer is a fault of ours, or other than documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Workspace
from tests.api.caller import Caller
from tests.api.test_operations import ALL, MADE, NETWORK, SCHEMA, Operation, named

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DOCUMENT: Any = schemathesis.openapi.from_dict(SCHEMA)
DOCUMENT.app = get_wsgi_application()


@pytest.fixture
def one_connection() -> Iterator[None]:
    """As Django's own test client does: a request does not close the connection that the test's transaction is on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("operation", [one for one in ALL if one.name not in NETWORK], ids=named)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
def test_no_request_breaks_it(operation: Operation, mode: GenerationMode, api: Caller, workspace: Workspace) -> None:
    made = MADE.get(operation.path.split("/")[1])
    pk = made(workspace) if made and "{pk}" in operation.path else None
    known = DOCUMENT.find_operation_by_id(operation.name)

    @EXAMPLES
    @given(case=known.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if pk is not None and mode is GenerationMode.POSITIVE:
            case.path_parameters = {**case.path_parameters, "pk": pk}
        answer = case.call(headers=api.headers)
        case.validate_response(answer, checks=CHECKS)

    ask()
