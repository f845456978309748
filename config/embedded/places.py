"""Where the embedded servers keep their data and sockets, so that their user reaches both."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

# sun_path holds 108 bytes with its NUL (unix(7)); the server's own file name comes on top of the folder.
LONGEST_SOCKET = 107
POSTGRES_SOCKET = ".s.PGSQL.5432"
OUTSIDE = Path("/var/lib/shirase")


class ForeignFolder(RuntimeError):
    """Somebody else owns a folder that must be private."""


@dataclass(frozen=True)
class Place:
    """The folders of one embedded PostgreSQL."""

    data: Path
    sockets: Path
    binaries: Path
    """Where a copy of the binaries goes when the ones in the virtual environment cannot be reached."""
    moved: bool
    """True when `var/` cannot be reached by the server's user and everything lies under /var/lib/shirase."""


def fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def reachable_by_others(path: Path) -> bool:
    """True when a user who owns nothing here can walk down to `path` (x for others on every folder that exists)."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.is_dir())


def runs_as_other_user() -> bool:
    """PostgreSQL refuses root, so that under root it is run as `nobody`."""
    return os.geteuid() == 0


def postgres_place(var: Path) -> Place:
    moved = runs_as_other_user() and not reachable_by_others(var)
    base = OUTSIDE / fingerprint(var) if moved else var
    return Place(
        data=base / "postgres",
        sockets=short_enough(base / "run" / "postgres", POSTGRES_SOCKET),
        binaries=OUTSIDE / fingerprint(Path(sys.prefix)) / "pgsql",
        moved=moved,
    )


def valkey_socket(var: Path) -> Path:
    return short_enough(var / "run", "valkey.sock") / "valkey.sock"


def short_enough(folder: Path, file_name: str) -> Path:
    """`folder`, or a short private one in its stead when the socket's path would not fit into its 107 bytes."""
    if len(os.fsencode(folder / file_name)) <= LONGEST_SOCKET:
        return folder
    runtime = Path(f"/run/user/{os.geteuid()}")
    # root's own is closed to `nobody`; in /tmp the folder is made with mode 0700 and its owner is checked.
    base = runtime if runtime.is_dir() and not runs_as_other_user() else Path("/tmp")
    return base / f"shirase-{os.geteuid()}-{fingerprint(folder)}"


def private_folder(path: Path, owner: int | None = None) -> None:
    """Makes a folder for its owner alone. One that exists and belongs to another user is refused: ForeignFolder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = os.geteuid() if owner is None else owner
    if not path.exists():
        path.mkdir(mode=0o700)
        os.chown(path, owner, -1)
    if path.stat().st_uid != owner:
        raise ForeignFolder(f"{path} belongs to another user: remove it, or set VAR_DIR")
