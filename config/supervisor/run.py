"""The supervisor: starts everything in order, keeps it running, and ends it in order."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from types import FrameType

from django.conf import settings

from config.embedded import postgres, valkey
from config.embedded.places import fingerprint, postgres_place, valkey_socket
from config.supervisor import plan
from config.supervisor.plan import Leaves, Plan
from config.supervisor.process import Child, end_left_behind, open_dots
from config.supervisor.terminal import Terminal

GRACE_SECONDS = 10  # and stopping the database afterwards fits into 15 too
READY_SECONDS = 180
REMIND_SECONDS = 10


class CannotStart(RuntimeError):
    """Something outside keeps the install from starting; the text says what, and what to do."""


class Supervisor:
    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.mark = fingerprint(settings.VAR)
        self.broker = Child(Plan("broker", []), self.mark, terminal)
        self.children: list[Child] = []
        self.asked_to_end = 0
        self.wake = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        end_left_behind(self.mark, settings.RUN_DIR, self.terminal)
        check_ports()
        try:
            self._start()
            while not self.asked_to_end:
                self._keep_up()
                self.wake.wait(0.25)
        finally:
            self._end()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_end += 1
        self.wake.set()

    def _start(self) -> None:
        self._start_database()
        self._start_broker()
        if not self.asked_to_end:
            self._migrate()
        for each in plan.processes():
            if self.asked_to_end:
                return
            child = Child(each, self.mark, self.terminal)
            self.children.append(child)
            child.start()
        self._announce()

    def _start_database(self) -> None:
        place = postgres_place(settings.VAR)
        if place.moved:
            self.terminal.say("database", f"{settings.VAR} is closed to the user `nobody`; data is in {place.data}")
        _pid, adopted = postgres.start(settings.VAR)
        self.terminal.say("database", f"PostgreSQL {'runs already' if adopted else 'started'} ({place.data})")

    def _start_broker(self) -> None:
        self.broker.plan = Plan("broker", valkey.command(settings.VAR))
        self.broker.start()
        deadline = time.monotonic() + READY_SECONDS
        while not valkey_socket(settings.VAR).exists():
            if not self.broker.alive() or time.monotonic() > deadline:
                raise CannotStart(f"The broker did not start; its own words are in {valkey.log_file(settings.VAR)}")
            time.sleep(0.02)
        self.terminal.say("broker", "Valkey started")

    def _migrate(self) -> None:
        migrate = Child(
            Plan("database", plan.manage("migrate", "--no-input", "--verbosity=0")), self.mark, self.terminal
        )
        migrate.start()
        if migrate.process and migrate.process.wait():
            raise CannotStart("The database could not be brought up to date; the reason is above.")
        self.terminal.say("database", "up to date")

    def _announce(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not answers() and not self.asked_to_end:
            if time.monotonic() > deadline:
                raise CannotStart("The web process does not answer; its own words are above.")
            self._keep_up()
            self.wake.wait(0.1)
        if not self.asked_to_end:
            self.terminal.say("shirase", f"Open {settings.BASE_URL}/   (Ctrl-C ends everything)")

    def _keep_up(self) -> None:
        now = time.monotonic()
        for child in (self.broker, *self.children):
            child.keep_up(now)
        if not postgres.server_pid(postgres_place(settings.VAR)):
            self.terminal.say("database", "PostgreSQL has ended by itself; it is started again")
            postgres.start(settings.VAR)

    def _end(self) -> None:
        """Web and beat at once; workers finish what is in their hands; then the sandbox, the broker, the database."""
        self.terminal.say("shirase", "ending; Ctrl-C again ends at once")
        for child in self.children:
            if child.plan.leaves is not Leaves.LAST:
                child.tell_to_end()
        self._wait_for([child for child in self.children if child.plan.leaves is not Leaves.LAST])
        for child in (*self.children, self.broker):
            child.tell_to_end()
        self._wait_for([*self.children, self.broker])
        if not (settings.RUN_DIR / "postgres.keep").exists():
            postgres.stop(settings.VAR, immediately=lambda: self.asked_to_end > 1)
        self.terminal.say("shirase", "ended")

    def _wait_for(self, children: list[Child]) -> None:
        """The grace counts from the last open dot: a worker writes down what was answered before it ends."""
        now = time.monotonic()
        deadline = remind_at = now + GRACE_SECONDS
        while any(child.alive() for child in children) and self.asked_to_end < 2 and now < deadline:
            if dots := open_dots(settings.RUN_DIR):
                deadline = now + GRACE_SECONDS
            if dots and now >= remind_at:
                self.terminal.say("send", f"{dots} mails are sent but not yet answered (10 minutes at most); waiting")
                remind_at = now + REMIND_SECONDS
            time.sleep(0.1)
            now = time.monotonic()
        for child in children:
            child.kill()


def check_ports() -> None:
    """Raises CannotStart for a host that is not this machine's, or a port that another program has."""
    for prefix, host, port in (
        ("", settings.HOST, settings.PORT),
        ("SANDBOX_", settings.SANDBOX_HOST, settings.SANDBOX_PORT),
        ("LISTENER_", settings.LISTENER_HOST, settings.LISTENER_PORT),
    ):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                    raise CannotStart(f"{prefix}HOST={host} is no address of this machine: {error.strerror}") from error
                other = port + 1 if port < 65535 else port - 1
                raise CannotStart(
                    f"Port {port} on {host}: {error.strerror}. Choose another: {prefix}PORT={other} make up"
                ) from error


def answers() -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.PORT}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
