"""Where a campaign is sent to, and by which processes: what a row's faults find."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from config.embedded.places import fingerprint
from config.supervisor import plan
from config.supervisor.process import left_behind
from delivery.models import Route
from tests.faults import place
from tests.faults.workers import Worker
from tests.servers.receiver import Receiver

PEOPLE = 900
SLOW = "WAIT 0.03"  # the answer to a dot: the campaign lasts, and dots are open at every moment
# A connection plays only those phases that had a script when it began.
CALM: dict[str, Any] = {"mail": [], "rcpt": {}, "data": [], "dot": {"*": SLOW}, "banner": [], "ehlo": []}


@dataclass
class Scene:
    """`addresses` are PEOPLE; `route` the columns of a Route; `receivers` keep the ledger together."""

    receivers: list[Receiver]
    addresses: list[str]
    route: Mapping[str, Any]
    password: str = ""
    worker: Callable[[], Worker] = Worker
    has_beat: bool = False


def smarthost(number: int, ends: ExitStack) -> Scene:
    """One receiver for everybody, one send worker; we are beat."""
    return _smarthost(number, ends, {}, security=Route.Security.NONE)


def _smarthost(number: int, ends: ExitStack, script: Mapping[str, Any], **columns: Any) -> Scene:
    receiver = ends.enter_context(Receiver.start(CALM | {"store": False} | script, folder=folder()))
    route = {"kind": Route.Kind.SMARTHOST, "host": receiver.host, "port": receiver.port} | columns
    return Scene([receiver], [f"p{n}@r{number}.example.net" for n in range(PEOPLE)], route)


def folder() -> Path:
    return Path(tempfile.mkdtemp(dir=place.FOLDER, prefix="receiver-"))


class Install(Worker):
    """All that `make up` starts, with a broker of its own; the database runs already."""

    def __init__(self) -> None:
        own = {name: value for name, value in os.environ.items() if name != "BROKER_URL"}
        own |= {"PORT": str(_free_port()), "SANDBOX_PORT": str(_free_port()), "SEND_WORKERS": "2"}
        super().__init__(plan.manage("up"), own)

    def kill(self) -> None:
        """kill -9 to the supervisor and to whatever it has started, the database left out."""
        super().kill()
        while pids := left_behind(fingerprint(settings.VAR)):
            for pid in pids:
                os.kill(pid, 9)


def install(number: int, ends: ExitStack) -> Scene:
    """A whole install, nobody else."""
    scene = smarthost(number, ends)
    scene.worker, scene.has_beat = Install, True
    return scene


def two_schedulers(number: int, ends: ExitStack) -> Scene:
    """A send worker, two beats and two `work` workers; nobody else."""
    scene = smarthost(number, ends)
    scene.has_beat = True
    beat = plan.celery("beat", "--scheduler", "config.schedule:Schedule", "--pidfile=")
    for command in (beat, beat, plan.worker("work", 1), plan.worker("work", 1)):
        ends.callback(Worker(command).kill)
    return scene


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
