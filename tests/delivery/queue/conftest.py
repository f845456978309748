from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery.sender import process
from delivery.sender.thread import SendThread
from tests.servers.fixtures import *  # noqa: F403


@pytest.fixture
def send_thread() -> Iterator[SendThread]:
    thread = SendThread()
    yield thread
    thread.close()


@pytest.fixture
def other_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[SendThread]:
    """Another worker: a process of its own as far as the database can see. Each leaves leases to the other."""
    monkeypatch.setattr(process, "MOST_LEASES", 1)
    thread = SendThread()
    yield thread
    thread.close()
