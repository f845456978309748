"""A receiver further away: a TCP relay that holds back what passes, in a process of its own.

`away(port, 0.1)` yields a port of loopback behind which the other one is 100 ms (there and back) away.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from tests.bench import place


@contextmanager
def away(port: int, round_trip: float) -> Iterator[int]:
    """`round_trip` in seconds; 0 puts nothing between."""
    if not round_trip:
        yield port
        return
    command = [sys.executable, "-m", "tests.bench.relay", str(port), str(round_trip)]
    process = subprocess.Popen(command, cwd=place.ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


class Side(asyncio.Protocol):
    """One end of a relayed connection; what comes in here goes out at the other end, so much later."""

    def __init__(self, later: float) -> None:
        self.later = later
        self.transport: Any = None
        self.other: Side | None = None
        self._early: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
            return
        self._loop.call_later(self.later, self.other.transport.write, data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self._loop.call_later(self.later, self.other.transport.close)

    def join(self, other: Side) -> None:
        self.other, other.other = other, self
        for data in self._early:
            self.data_received(data)


class Front(Side):
    """The end towards whoever connects: it connects on to the receiver."""

    def __init__(self, port: int, later: float) -> None:
        super().__init__(later)
        self._port = port
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._task = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        _, back = await self._loop.create_connection(lambda: Side(self.later), "127.0.0.1", self._port)
        # What the receiver said before this is in `_early` of its side.
        back.join(self)


async def serve(port: int, round_trip: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(port, round_trip / 2), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
