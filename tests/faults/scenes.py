"""Where a campaign is sent to, and by which processes: what a row's faults find."""

from __future__ import annotations

import datetime as dt
import os
import random
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from django.conf import settings

from config.embedded.places import fingerprint
from config.supervisor import plan
from config.supervisor.process import left_behind
from delivery.models import Route
from tests.faults import place
from tests.faults.line import Line
from tests.faults.workers import Worker
from tests.servers.dns import Dns
from tests.servers.receiver import Receiver

PEOPLE = 900
SLOW = "WAIT 0.03"  # the answer to a dot: the campaign lasts, and dots are open at every moment
# A connection plays only those phases that had a script when it began.
CALM: dict[str, Any] = {"mail": [], "rcpt": {}, "data": [], "dot": {"*": SLOW}, "banner": [], "ehlo": []}


class NotShown(Exception):
    """This machine cannot play it; the text says why."""


@dataclass
class Scene:
    """`addresses` are PEOPLE; `route` the columns of a Route; `receivers` keep the ledger together."""

    receivers: list[Receiver]
    addresses: list[str]
    route: Mapping[str, Any]
    password: str = ""
    worker: Callable[[], Worker] = Worker
    has_beat: bool = False
    authority: trustme.CA | None = None  # of the receiver's certificate
    certificate: str = ""  # a PEM file, which the receiver begins with
    names: Dns | None = None  # what the DNS says
    line: Line | None = None  # of workers to their database
    memory: Path | None = None  # the group of the kernel's whose memory the workers share
    clock: Path | None = None  # the file that says by how many seconds the workers' wall clock is ahead


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
        own |= {"LISTENER_PORT": str(_free_port())}
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


def behind_a_line(number: int, ends: ExitStack) -> Scene:
    """The first send worker reaches the database over a line that can be cut, those after it directly."""
    scene = over_a_line(number, ends)
    first = iter([scene.worker])
    scene.worker = lambda: next(first, Worker)()
    return scene


def over_a_line(number: int, ends: ExitStack) -> Scene:
    """All send workers do."""
    scene, line = smarthost(number, ends), Line()
    ends.callback(line.close)
    secrets = dict(row.split("=", 1) for row in (settings.VAR / "keys.env").read_text().splitlines() if "=" in row)
    own = os.environ | secrets | {"DATABASE_URL": line.url}
    scene.line, scene.worker = line, lambda: Worker(environment=own)
    return scene


def two_schedulers(number: int, ends: ExitStack) -> Scene:
    """A send worker, two beats and two `work` workers; nobody else."""
    scene = smarthost(number, ends)
    scene.has_beat = True
    beat = plan.celery("beat", "--scheduler", "config.schedule:Schedule", "--pidfile=")
    for command in (beat, beat, plan.worker("work", 1), plan.worker("work", 1)):
        ends.callback(Worker(command).kill)
    return scene


SIGN_IN = {"users": {"shirase": "right"}, "mechanisms": ["LOGIN"], "auth": [], "tls": "starttls"}


def secured(number: int, ends: ExitStack) -> Scene:
    """A smarthost with STARTTLS, a certificate that must verify, and a sign-in."""
    authority, place_of_keys = trustme.CA(), folder()
    authority.cert_pem.write_to_path(place_of_keys / "ca.pem")
    good = certificate(authority, place_of_keys)
    script = SIGN_IN | {"cert": good}
    scene = _smarthost(
        number, ends, script,
        security=Route.Security.STARTTLS, username="shirase", ca_file=str(place_of_keys / "ca.pem"),
    )  # fmt: skip
    scene.password, scene.authority, scene.certificate = "right", authority, good
    return scene


def certificate(authority: trustme.CA, where: Path, *, ended: bool = False) -> str:
    """A PEM file with key and chain for 127.0.0.1."""
    day, now = dt.timedelta(days=1), dt.datetime.now(dt.UTC)
    path = where / ("ended.pem" if ended else "server.pem")
    issued = authority.issue_cert("127.0.0.1", not_before=now - 9 * day, not_after=now + (-day if ended else day))
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


WELL, ILL = 650, 50  # people of the well site, and of each of the five others


def direct(number: int, ends: ExitStack) -> Scene:
    """To MX: a well site and five others, each with a server, a domain and a share of the people of its own."""
    port, names, receivers, addresses = 0, ends.enter_context(Dns(ttl=1)), [], []
    for site, people in enumerate([WELL] + 5 * [ILL]):
        domain, host = f"s{site}-r{number}.example", f"127.0.{1 + number % 250}.{1 + site}"
        script = CALM | {"store": False}
        receivers.append(ends.enter_context(Receiver.start(script, folder=folder(), host=host, port=port)))
        port = receivers[0].port
        names.set(domain, {"MX": [f"10 mx.{domain}"]})
        names.set(f"mx.{domain}", {"A": [host]})
        addresses += [f"p{n}@{domain}" for n in range(people)]
    asks = {"DNS_RESOLVER": names.address, "ALLOW_PRIVATE_MX": "1", "MX_PORT": str(port)}
    random.Random(number).shuffle(addresses)
    scene = Scene(receivers, addresses, {"kind": Route.Kind.DIRECT, "host": ""})
    scene.names, scene.worker = names, lambda: Worker(environment=os.environ | asks)
    return scene


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
