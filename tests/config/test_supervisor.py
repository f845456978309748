"""The order of the end, with small real processes."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pytest
from django.conf import LazySettings

from config.supervisor import run
from config.supervisor.plan import Leaves, Plan
from config.supervisor.process import Child
from config.supervisor.terminal import Terminal

# Told to end, it goes on with a mail after its final dot for as long as it was said.
WORKER = """
import os, signal, sys, time
dots = os.path.join(sys.argv[1], f"send-{os.getpid()}.open")
def end(*_):
    time.sleep(float(sys.argv[2])); os.unlink(dots); sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(dots, "w").write(sys.argv[3])
print("up", flush=True)
while True: time.sleep(0.05)
"""


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(
    tmp_path: Path, settings: LazySettings, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> run.Supervisor:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr(run, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(run, "REMIND_SECONDS", 0.3)
    return run.Supervisor(Terminal(screen, colours=False))


def worker(supervisor: run.Supervisor, screen: io.StringIO, *, seconds: float, dots: int) -> Child:
    command = [sys.executable, "-c", WORKER, str(run.settings.RUN_DIR), str(seconds), str(dots)]
    child = Child(Plan("send", command, Leaves.AFTER_ITS_WORK), "test", supervisor.terminal)
    child.start()
    while "up" not in screen.getvalue():
        time.sleep(0.02)
    child.tell_to_end()
    return child


def test_open_dots_are_waited_for_and_told(supervisor: run.Supervisor, screen: io.StringIO) -> None:
    child = worker(supervisor, screen, seconds=1.5, dots=3)
    supervisor._wait_for([child])
    assert child.process is not None
    assert child.process.returncode == 0
    assert "3 mails are sent but not yet answered" in screen.getvalue()


def test_without_open_dots_the_grace_is_short(supervisor: run.Supervisor, screen: io.StringIO) -> None:
    child = worker(supervisor, screen, seconds=60, dots=0)
    began = time.monotonic()
    supervisor._wait_for([child])
    assert time.monotonic() - began < 5
    assert not child.alive()


def test_a_second_ctrl_c_ends_at_once(supervisor: run.Supervisor, screen: io.StringIO) -> None:
    child = worker(supervisor, screen, seconds=60, dots=3)
    supervisor.asked_to_end = 2
    began = time.monotonic()
    supervisor._wait_for([child])
    assert time.monotonic() - began < 5
    assert not child.alive()


def test_what_ends_by_itself_is_started_again_after_growing_pauses(
    supervisor: run.Supervisor, screen: io.StringIO
) -> None:
    child = Child(Plan("web", [sys.executable, "-c", "print('short')"]), "test", supervisor.terminal)
    child.start()
    now, pauses = 0.0, []
    while len(pauses) < 4:
        assert child.process is not None
        child.process.wait()
        child.keep_up(now)
        pauses.append(child.due - now)
        now = child.due
        child.keep_up(now)
        child.started = now
    child.kill()
    assert pauses == [1, 2, 4, 8]
    assert "ended by itself (0); it is started again in 8 s" in screen.getvalue()
