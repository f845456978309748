from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.servers.fixtures import *  # noqa: F403
from tests.servers.fixtures import StartReceiver

from .drive import NOT_PIPELINED


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def no_socket_left_open(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    yield
    assert not [w for w in recwarn if issubclass(w.category, ResourceWarning)]


@pytest.fixture(params=["pipelined", "one by one"])
def start(request: pytest.FixtureRequest, receivers: StartReceiver) -> StartReceiver:
    """Receivers with and without PIPELINING: outcomes are the same."""
    if request.param == "pipelined":
        return receivers
    return lambda **script: receivers(extensions=NOT_PIPELINED, **script)
