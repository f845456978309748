"""The newest mark of this machine's send processes, beside their journals: one line, `<lease> <message> .`.

Written after a mark is committed and before anybody of it is sent: a database without that mark is older than what was
sent (delivery.restored). One plain write in place, no fsync: the page cache survives kill -9, and it never needs room.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME = "newest-mark"
_LINE = 64  # octets
_NOTHING = b"\n".rjust(_LINE)
_WHOLE = "."


@dataclass(frozen=True, slots=True)
class Mark:
    """`age`: seconds since it was kept, by the machine's clock."""

    lease: int
    message: int
    age: float


class NewestMark:
    """Shared by all send processes of a machine: whoever marks last has written it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.fstat(self._file).st_size < _LINE:  # its place on the disk, which may be full later
                os.pwrite(self._file, _NOTHING, 0)
        except OSError:
            os.close(self._file)
            raise

    def keep(self, lease: int, message: int) -> None:
        os.pwrite(self._file, (b"%d %d ." % (lease, message)).ljust(_LINE - 1) + b"\n", 0)

    def close(self) -> None:
        os.close(self._file)


def kept(folder: Path) -> Mark | None:
    """None where this machine has sent nothing since it was last forgotten."""
    try:
        words = (folder / NAME).read_text("ascii", "replace").split()
        age = time.time() - (folder / NAME).stat().st_mtime
    except FileNotFoundError:
        return None
    if len(words) != 3 or words[2] != _WHOLE:
        return None
    return Mark(int(words[0]), int(words[1]), age)


def forget(folder: Path) -> None:
    """Emptied in its place, not removed: other processes have it open."""
    with suppress(FileNotFoundError), (folder / NAME).open("r+b") as file:
        file.write(_NOTHING)
