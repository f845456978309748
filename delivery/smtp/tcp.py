"""The TCP connection to a mail server: which of its addresses takes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from delivery.smtp.failures import OpeningFailed, connect_fault
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase

if TYPE_CHECKING:
    from delivery.smtp.client import Endpoint

Step = Callable[[Phase, str], None]  # told of every step that succeeded, in order


async def dial(endpoint: Endpoint, seconds: float, on_step: Step) -> tuple[socket.socket, str]:
    """The first address that takes the connection within so many seconds. Raises OpeningFailed: what was wrong with
    the first (IPv4 where there is one)."""
    failures = []
    for family, address in await _addresses(endpoint, on_step):
        try:
            sock = await _connected(endpoint, family, address, seconds)
        except OSError as error:
            failures.append(connect_fault(error).reply(Phase.CONNECT, str(error)))
        except OpeningFailed as failed:
            failures.append(failed.reply)
        else:
            on_step(Phase.CONNECT, address)
            return sock, address
    raise OpeningFailed(failures[0] if failures else Fault.NETWORK_UNREACHABLE.reply(Phase.CONNECT))


async def _addresses(endpoint: Endpoint, on_step: Step) -> list[tuple[int, str]]:
    loop = asyncio.get_running_loop()
    found: list[tuple[int, str]] = []
    for name in endpoint.addresses or (endpoint.host,):
        try:
            infos = await loop.getaddrinfo(name, endpoint.port, type=socket.SOCK_STREAM)
        except OSError as error:  # gaierror: the name of a smarthost, set by a person
            gone = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
            fault = Fault.NO_SUCH_DOMAIN if gone else Fault.DNS_TEMPORARY
            raise OpeningFailed(fault.reply(Phase.DNS, f"{name}: {error.strerror}")) from error
        found += [(info[0], str(info[4][0])) for info in infos]
    found = _like_source(endpoint.source_address, list(dict.fromkeys(found)))
    on_step(Phase.DNS, " ".join(address for _, address in found))
    return found


def _like_source(source: str, found: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """From an IPv4 address there is no way to an IPv6 one, and back."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    if source and not (same := [one for one in found if one[0] == family]):
        raise OpeningFailed(Fault.NETWORK_UNREACHABLE.reply(Phase.CONNECT, f"from {source}"))
    return same if source else found


async def _connected(endpoint: Endpoint, family: int, address: str, seconds: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if endpoint.source_address:
            _bind(sock, endpoint.source_address)
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_connect(sock, (address, endpoint.port)), seconds)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, source: str) -> None:
    try:
        sock.bind((source, 0))
    except OSError as error:
        raise OpeningFailed(Fault.SOURCE_ADDRESS.reply(Phase.CONNECT, str(error))) from error
