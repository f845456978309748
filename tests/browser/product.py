"""The whole product on a fresh database, as `make up` starts it, for tests that drive it from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SANDBOX_AFTER, LISTENER_AFTER = 25, 26  # their ports, counted from the web port
READY_SECONDS = 240  # a crowded machine may take its time
END_SECONDS = 30
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """Where a browser is, if there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Product:
    url: str
    environment: dict[str, str]
    log: Path

    def python(self, *words: str, given: str = "") -> str:
        """What a Python program says that runs with this install's settings."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Product]:
    """Starts everything with its data in `folder`, and deletes the data at the end."""
    port = free_port()
    folder.mkdir(parents=True)
    own = {"VAR_DIR": str(folder), "PORT": str(port), "SEND_WORKERS": "1", "WORK_WORKERS": "1", "WEB_WORKERS": "1"}
    # Nothing of the tests' own settings may reach the product.
    inherited = {name: value for name, value in os.environ.items() if name not in ("BROKER_URL", "DATABASE_URL")}
    product = Product(f"http://localhost:{port}", {**inherited, **own, **settings}, folder / "up.log")
    with product.log.open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=product.environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until_it_answers(product, up)
            yield product
        finally:
            end(up)
            product.python("manage.py", "reset", "--yes")
            shutil.rmtree(folder, ignore_errors=True)


def wait_until_it_answers(product: Product, up: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(f"{product.url}/healthz"):
        if up.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the product did not start:\n{product.tail()}")
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end(up: subprocess.Popen[bytes]) -> None:
    up.send_signal(signal.SIGINT)
    try:
        up.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        up.send_signal(signal.SIGINT)
        up.wait(END_SECONDS)


def free_port() -> int:
    """A port whose sandbox port and listener port are free as well."""
    while True:
        with socket.socket() as web, socket.socket() as sandbox, socket.socket() as listener:
            web.bind(("127.0.0.1", 0))
            port: int = web.getsockname()[1]
            if port + LISTENER_AFTER > 65535:
                continue
            try:
                sandbox.bind(("127.0.0.1", port + SANDBOX_AFTER))
                listener.bind(("127.0.0.1", port + LISTENER_AFTER))
            except OSError:
                continue
            return port
