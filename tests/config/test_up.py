"""`make up` on a data folder of its own: started twice, killed without warning, started again, ended."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.embedded import postgres
from config.embedded.places import fingerprint, postgres_place
from config.supervisor import lock
from config.supervisor.process import left_behind, open_dots
from tests.browser.product import ROOT, free_port

pytestmark = pytest.mark.slow
READY_SECONDS = 120
CALM_END_SECONDS = 15


@dataclass
class Install:
    var: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in ("BROKER_URL", "DATABASE_URL")}
        own = {"VAR_DIR": str(self.var), "PORT": str(self.port), "WEB_WORKERS": "1"}
        return inherited | own | {"SEND_WORKERS": "1", "WORK_WORKERS": "1"}

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def up(self) -> subprocess.Popen[bytes]:
        """Started, and it answers: itself, and not what one that was killed has left behind."""
        (self.var.parent / "up.log").touch()
        opened = self.log().count("Open http")
        with (self.var.parent / "up.log").open("a") as log:
            command = [sys.executable, "manage.py", "up"]
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while self.log().count("Open http") == opened or not self.ready():
            assert process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.2)
        return process

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        return (self.var.parent / "up.log").read_text()

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(**postgres.dsn(postgres_place(self.var)), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def processes(self) -> list[int]:
        return left_behind(fingerprint(self.var))


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    fresh = Install((tmp_path / "var").resolve(), free_port())
    yield fresh
    fresh.manage("down")
    fresh.manage("reset", "--yes")


def kill_everything(install: Install, up: subprocess.Popen[bytes]) -> None:
    up.kill()
    up.wait()
    for pid in [*install.processes(), postgres.server_pid(postgres_place(install.var)) or 0]:
        if pid:
            os.kill(pid, signal.SIGKILL)


def test_it_comes_back_after_kill_9_and_ends_when_told(install: Install) -> None:
    up = install.up()
    install.sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    second = install.manage("up")
    assert second.returncode == 0
    assert f"runs already at http://localhost:{install.port}/ (process {up.pid})" in second.stdout

    kill_everything(install, up)
    up = install.up()
    assert install.sql("SELECT id FROM kept") == [(7,)]

    # The supervisor alone: what it left behind is ended before the next start, and the database is adopted.
    up.kill()
    up.wait()
    up = install.up()
    assert "PostgreSQL runs already" in install.log()
    assert install.sql("SELECT id FROM kept") == [(7,)]

    began = time.monotonic()
    assert "Stopped." in install.manage("down").stdout
    assert time.monotonic() - began < CALM_END_SECONDS + 2
    up.wait(5)
    assert install.processes() == []
    assert postgres.server_pid(postgres_place(install.var)) is None
    assert install.manage("down").stdout.strip() == "Nothing runs."


def test_a_taken_port_is_named_with_the_way_out(install: Install) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", install.port))
        other.listen()
        refused = install.manage("up")
    assert refused.returncode == 1
    assert f"PORT={install.port + 1} make up" in refused.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_a_host_that_is_not_this_machines_is_named(install: Install, host: str) -> None:
    environment = install.environment | {"HOST": host}
    command = [sys.executable, "manage.py", "up"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"HOST={host} is no address of this machine" in refused.stderr and "PORT=" not in refused.stderr


@pytest.mark.parametrize("answer", ["yes\n", ""])
def test_reset_asks_first(install: Install, answer: str) -> None:
    install.var.mkdir()
    (install.var / "something").write_text("dear")
    command = [sys.executable, "manage.py", "reset"]
    done = subprocess.run(
        command, cwd=ROOT, env=install.environment, input=answer, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Nothing was deleted" in done.stdout
    assert (install.var / "something").exists()


def test_nothing_starts_while_reset_waits_for_the_answer(install: Install) -> None:
    install.var.mkdir()
    (install.var / "something").write_text("dear")
    command = [sys.executable, "manage.py", "reset"]
    with subprocess.Popen(
        command, cwd=ROOT, env=install.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reset:
        assert reset.stdin and reset.stdout and "This deletes" in reset.stdout.readline()
        assert f"`make reset` is at work (process {reset.pid})" in install.manage("up").stdout
        down = install.manage("down")
        assert down.returncode == 1 and "answer it or end it first" in down.stderr and reset.poll() is None
        assert "Deleted." in reset.communicate("delete\n", timeout=60)[0]
    assert [path.name for path in install.var.rglob("*")] == ["run", "up.lock"]


def test_reset_refuses_while_it_runs(install: Install) -> None:
    with lock.take(install.var / "run" / "up.lock", os.getpid(), "http://localhost:1"):  # type: ignore[union-attr]
        refused = install.manage("reset", "--yes")
    assert refused.returncode == 1 and "runs already at http://localhost:1/" in refused.stderr


def test_who_has_just_taken_the_lock_is_waited_for_until_it_says_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        later = threading.Timer(0.2, path.write_text, ['{"pid": 1, "address": "http://localhost:1"}'])
        later.start()
        assert str(lock.holder(path)).startswith("Shirase runs already at http://localhost:1/")
        later.join()


def test_mails_after_their_dot_are_counted_of_living_processes_only(tmp_path: Path) -> None:
    (tmp_path / f"send-{os.getpid()}.open").write_text("3")
    (tmp_path / "send-999999999.open").write_text("5")
    assert open_dots(tmp_path) == 3
