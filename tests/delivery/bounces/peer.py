"""Whoever speaks to a listener of this process, and the listener."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from delivery.bounces.listener import serving
from delivery.bounces.listener.hall import Bounds
from delivery.keyring import keyring

TOKEN = keyring().return_path_local(7)
HOST = "bounce.news.example.com"
HELLO = b"EHLO mx.example.net\r\n"
T = TypeVar("T")


class Peer:
    """Says octets, hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hear(self) -> str:
        """The last line of the next reply; "" when the line was cut."""
        while True:
            line = await asyncio.wait_for(self.reader.readline(), 10)
            if line[3:4] != b"-":
                return line.decode().rstrip("\r\n")

    async def ask(self, said: bytes, replies: int = 1) -> list[str]:
        self.writer.write(said)
        return [await self.hear() for _ in range(replies)]

    async def post(self, data: bytes, rcpt: str = f"{TOKEN}@{HOST}") -> str:
        """The answer to the dot."""
        told = await self.ask(b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % rcpt.encode(), 3)
        assert told[2].startswith("354"), told
        return (await self.ask(data))[0]


def listening(deed: Callable[[Callable[..., Awaitable[Peer]]], Awaitable[T]], bounds: Bounds | None = None) -> T:
    """Runs `deed(connect)` beside a listener of its own; `connect()` is greeted and has said EHLO."""

    async def go() -> T:
        listener = await serving.start("127.0.0.1", 0, bounds)
        port = listener.server.sockets[0].getsockname()[1]
        writers = []

        async def connect(hello: bytes = HELLO) -> Peer:
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            writers.append(peer.writer)
            await peer.hear()
            if hello:
                await peer.ask(hello)
            return peer

        try:
            return await deed(connect)
        finally:
            for writer in writers:
                writer.close()
            await listener.end()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(go())
