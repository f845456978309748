"""Fixtures for tests that need mail servers: `from tests.servers.fixtures import *` in a conftest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.servers.dns import Dns
from tests.servers.receiver import Receiver, Script

__all__ = ["ca", "dns_server", "receivers", "server_cert", "smtp_server"]

StartReceiver = Callable[..., Receiver]


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[StartReceiver]:
    """Starts receivers, each with its script; they end with the test."""
    started: list[Receiver] = []

    def start(script: Script | None = None, **parts: Any) -> Receiver:
        folder = tmp_path / f"receiver-{len(started)}"
        folder.mkdir()
        started.append(Receiver.start((script or {}) | parts, folder=folder))
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def smtp_server(receivers: StartReceiver) -> Receiver:
    """One receiver that takes everything until told otherwise with `answer`."""
    return receivers()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """A certificate authority of the tests."""
    return trustme.CA()


@pytest.fixture
def server_cert(ca: trustme.CA, tmp_path: Path) -> str:
    """PEM file with key and chain for 127.0.0.1 and localhost."""
    path = tmp_path / "server.pem"
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def dns_server() -> Iterator[Dns]:
    """A name server with an empty zone; fill it with `set`."""
    with Dns() as server:
        yield server
