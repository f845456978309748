"""The receiver's own record of what it accepted: appended, fsynced, then the 250s are said."""

from __future__ import annotations

import asyncio
import json
import os
import re
import struct
import time
from collections.abc import Sequence
from pathlib import Path

_REF = re.compile(rb"^X-Shirase-Ref:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Ledger:
    """Appends, fsyncs, then lets everyone who waited say 250."""

    def __init__(self, folder: Path, *, fsync: bool, store: bool) -> None:
        self.file = (folder / "ledger.tsv").open("ab", buffering=0)
        self.spool = (folder / "messages").open("ab", buffering=0) if store else None
        self.fsync = fsync
        self._lines: list[bytes] = []
        self._bodies: list[bytes] = []
        self._waiting: list[tuple[asyncio.Future[bytes | None], bytes]] = []
        self._busy = False

    def accept(self, mail_from: str, rcpts: Sequence[str], data: bytes, answer: bytes) -> asyncio.Future[bytes | None]:
        """Note this message; the future is `answer` when it is on disk."""
        header = data[: data.find(b"\r\n\r\n")]
        found = _REF.search(header)
        token = found[1].decode("ascii", "replace") if found else mail_from.partition("@")[0]
        for rcpt in rcpts:
            self._lines.append(f"{time.time():.6f}\t{token}\t{rcpt}\t{mail_from}\n".encode())
            if self.spool:
                head = json.dumps([mail_from, rcpt]).encode()
                self._bodies.append(struct.pack("!II", len(head), len(data)) + head + data)
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, answer))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._start)
        return future

    def _start(self) -> None:
        lines, self._lines = self._lines, []
        bodies, self._bodies = self._bodies, []
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        if not self.fsync:
            self._write(lines, bodies)
            self._done(waiting)
            return
        written = loop.run_in_executor(None, self._write, lines, bodies)
        written.add_done_callback(lambda _: self._done(waiting))

    def _write(self, lines: list[bytes], bodies: list[bytes]) -> None:
        if self.spool:
            self.spool.write(b"".join(bodies))
        self.file.write(b"".join(lines))
        if self.fsync:
            os.fdatasync(self.file.fileno())

    def _done(self, waiting: list[tuple[asyncio.Future[bytes | None], bytes]]) -> None:
        for future, answer in waiting:
            if not future.done():
                future.set_result(answer)
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._start)
