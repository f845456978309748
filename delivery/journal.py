"""A worker's own file: what it was writing, what had its dot, and what was answered.

`D <lease> <id>` is appended before the dot, `R <lease> <id> <reply>` at the reply. The first line is a fixed place for
`B <lease> <id> .`, the one message that is being built: it may be what kills the worker. Plain writes and, for that
place, a mapped page (a fifth of the time of two writes); no fsync: the page cache survives kill -9 and the OOM killer.
The worker holds a lock on the file as long as it lives; who gets a lock knows that it is dead. Readers share theirs:
nobody is to take one of them for the worker.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from delivery.smtp.replies import EnhancedStatus, Phase, Reply

REPLY_KEPT = 600
ROOM = 65_536  # octets that must be free before work begins again on a disk that was full
_HEAD = 64  # octets of the first line
_NOTHING = b"\n".rjust(_HEAD)
_WHOLE = "."  # ends what is in that place: a kill may come in mid-write


class Alive(Exception):
    """The worker that writes this journal lives."""


class Gone(Exception):
    """There is no such journal on this host (any more)."""


class Journal:
    """The one of this process; `close` removes it, unless a lease is left to recover from it.

    Raises OSError where the disk has no room for it.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = _path(folder, worker)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.write(self._file, _NOTHING)
            self._head = mmap.mmap(self._file, _HEAD)
        except OSError:  # a full disk: it is tried again and again
            os.close(self._file)
            self.path.unlink()
            raise

    def building(self, lease: int, message: int) -> None:
        """Right before the message is rendered; `built` right after."""
        self._head[:] = (b"B %d %d ." % (lease, message)).ljust(_HEAD - 1) + b"\n"

    def built(self) -> None:
        self._head[:] = _NOTHING

    def dot(self, lease: int, message: int) -> bool:
        """Right before the dot is written. False where the disk takes no more: then it must not be written."""
        return self._append(b"D %d %d\n" % (lease, message))

    def reply(self, lease: int, message: int, reply: Reply) -> None:
        """Left out where the disk takes no more: the database is told all the same."""
        said = f"{reply.code} {reply.phase} {reply.synthetic} {json.dumps(reply.text[:REPLY_KEPT])}"
        self._append(b"R %d %d %s\n" % (lease, message, said.encode()))

    def has_room(self) -> bool:
        end = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            os.posix_fallocate(self._file, end, ROOM)
        except OSError:
            return False
        finally:
            os.ftruncate(self._file, end)
        return True

    def _append(self, line: bytes) -> bool:
        """The whole line or nothing of it: a torn one would spoil the next."""
        try:
            written = os.write(self._file, line)
        except OSError:
            return False
        if written < len(line):
            os.ftruncate(self._file, os.lseek(self._file, -written, os.SEEK_CUR))
        return written == len(line)

    def forget(self) -> None:
        """No lease is open: nothing in here is needed."""
        os.ftruncate(self._file, _HEAD)
        os.lseek(self._file, _HEAD, os.SEEK_SET)

    def close(self, *, owes: bool = False) -> None:
        if self._file >= 0:
            if not owes:
                self.path.unlink(missing_ok=True)
            self._head.close()
            os.close(self._file)
            self._file = -1


@dataclass(slots=True)
class Entries:
    """What the journal knows of one lease."""

    dots: set[int] = field(default_factory=set)  # had their dot, no reply known
    replies: dict[int, Reply] = field(default_factory=dict)
    building: int | None = None  # was being built


@contextmanager
def of_dead(folder: Path, worker: str) -> Iterator[Path]:
    """The journal of a dead worker, which stays while it is read. Raises Alive or Gone."""
    path = _path(folder, worker)
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise Gone(worker) from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise Alive(worker) from error
    try:
        yield path
    finally:
        os.close(file)


def sweep(folder: Path, owed: Collection[str], *, older_than: float) -> int:
    """Remove the journals of dead workers that owe nothing, last written so long ago; `owed` names those who do owe."""
    removed = 0
    kept = {_path(folder, worker) for worker in owed}
    for path in folder.glob("*.log"):
        with suppress(FileNotFoundError, BlockingIOError):
            if path in kept or time.time() - path.stat().st_mtime < older_than:
                continue
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                removed += 1
    return removed


def read(path: Path, lease: int) -> Entries:
    """The lines of one lease. A torn last line (a kill in mid-write) is no line."""
    entries = Entries()
    wanted = str(lease)
    for line in path.read_text("utf-8", "replace").split("\n")[:-1]:
        kind, _, rest = line.partition(" ")
        of_lease, _, rest = rest.partition(" ")
        if of_lease != wanted:
            continue
        message, _, said = rest.partition(" ")
        if kind == "B":
            entries.building = int(message) if said.rstrip() == _WHOLE else None
        elif kind == "D":
            entries.dots.add(int(message))
            entries.replies.pop(int(message), None)
        else:
            entries.replies[int(message)] = _reply(said)
            entries.dots.discard(int(message))
    return entries


def _reply(said: str) -> Reply:
    code, phase, synthetic, quoted = said.split(" ", 3)
    text = json.loads(quoted)
    return Reply(int(code), text, EnhancedStatus.find(text), Phase(phase), synthetic)


def _path(folder: Path, worker: str) -> Path:
    return folder / f"{worker.replace('/', '_')}.log"
