from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery.sender.thread import SendThread
from tests.servers.fixtures import *  # noqa: F403


@pytest.fixture
def send_thread() -> Iterator[SendThread]:
    thread = SendThread()
    yield thread
    thread.close()
