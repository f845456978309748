"""The line between a worker and its database: may die without a word, while the worker's SMTP lives; may be led to
another one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from config.embedded import places
from tests.faults import place

OCTETS = 65_536


class Line:
    """A TCP port that leads to the database's socket. While it is cut nothing passes and nothing is closed.

    `install`: the var folder of the database that new connections reach.
    """

    def __init__(self) -> None:
        self.install: Path = place.VAR
        self._open = threading.Event()
        self._open.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"postgresql://shirase@127.0.0.1:{self._server.getsockname()[1]}/shirase"

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.mend()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._server.accept()
                there = socket.socket(socket.AF_UNIX)
                try:
                    there.connect(str(places.postgres_place(self.install).sockets / places.POSTGRES_SOCKET))
                except OSError:  # no database there
                    here.close()
                    continue
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while octets := source.recv(OCTETS):
                self._open.wait()
                target.sendall(octets)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
