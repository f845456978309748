"""What all connections of the listener share: their bounds, the hosts that are ours, and the threads that store."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from threading import Barrier
from typing import TYPE_CHECKING

from django.db import close_old_connections, connection

from delivery.bounces import taking
from delivery.bounces.listener.recipients import Hosts, local_part_is_ours
from delivery.models import Inlet

if TYPE_CHECKING:
    from delivery.bounces.listener.conversation import Reception

THREADS = 4
POSTMASTER = "postmaster"  # taken without a domain too (RFC 5321, 4.5.1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection and all together may cost us. Seconds are multiplied by TIME_SCALE."""

    connections: int = 100
    of_one_address: int = 20  # as many as Postfix opens by itself; of IPv6 a /64 counts as one
    recipients: int = 100  # of one message (RFC 5321, 4.5.3.1.8)
    message: int = 10 * 1024 * 1024  # octets
    held: int = 64 * 1024 * 1024  # octets of all messages under way
    commands: int = 150  # without a message
    command_seconds: float = 300.0  # RFC 5321, 4.5.3.2
    message_seconds: float = 600.0
    session_seconds: float = 3600.0

    def scaled(self, scale: float) -> Bounds:
        return replace(self, command_seconds=self.command_seconds * scale, message_seconds=self.message_seconds * scale)


class Hall:
    """Of one process. `taken` counts messages that are committed."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.inside: set[Reception] = set()
        self.ending = False
        self.held = self.taken = 0
        self._addresses: Counter[str] = Counter()
        self._hosts = Hosts()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="listener")

    def enter(self, one: Reception, address: str) -> bool:
        """False when there are too many already, of all or of its address."""
        place = _place(address)
        full = len(self.inside) >= self.bounds.connections or self._addresses[place] >= self.bounds.of_one_address
        if self.ending or full:
            return False
        self.inside.add(one)
        self._addresses[place] += 1
        return True

    def leave(self, one: Reception, address: str) -> None:
        """Does nothing for one that was not let in."""
        if one not in self.inside:
            return
        self.inside.discard(one)
        place = _place(address)
        self._addresses[place] -= 1
        if not self._addresses[place]:
            del self._addresses[place]

    def is_ours(self, address: str) -> bool | None:
        """Whether mail to this address is taken; None when `look` has to be asked first."""
        if address.lower() == POSTMASTER:
            return True
        local, _at, host = address.lower().rpartition("@")
        return self._hosts.known(host.rstrip(".")) if local_part_is_ours(local) else False

    async def look(self) -> bool:
        """False when the database does not answer."""
        return await self._in_thread(self._hosts.look)

    async def take(self, raw: bytes, rcpt: str, source: str) -> bool:
        """True once it is committed. `source` is the peer's address."""
        done = await self._in_thread(
            lambda: taking.take(with_crlf(raw), inlet=Inlet.LISTENER, rcpt=rcpt, source=source)
        )
        self.taken += done
        return done

    async def _in_thread(self, deed: Callable[[], object]) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _safely, deed)

    async def end(self, seconds: float) -> None:
        """Nobody new; whoever says nothing is told to come again; what is in hand is stored, if it is soon."""
        self.ending = True
        deadline = asyncio.get_running_loop().time() + seconds
        while self.inside and asyncio.get_running_loop().time() < deadline:
            for one in list(self.inside):
                one.end_when_idle()
            await asyncio.sleep(0.05)
        for one in list(self.inside):
            one.transport.abort()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        """Each thread closes its own connection: all of them at once, so that none does it twice."""
        together = Barrier(THREADS)

        def close_one() -> None:
            together.wait()
            connection.close()

        for _ in range(THREADS):
            self._threads.submit(close_one)
        self._threads.shutdown()


def with_crlf(raw: bytes) -> bytes:
    """One kind of line end: then the same report is the same, whatever way it took."""
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _safely(deed: Callable[[], object]) -> bool:
    """Whatever goes wrong, the peer keeps its mail and comes again; the next try has a new database connection."""
    try:
        close_old_connections()
        deed()
    except Exception:
        log.exception("The listener could not store a mail; its sender is told to come again")
        connection.close()
        return False
    return True


def _place(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
