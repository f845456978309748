"""MTA-STS policies of recipient domains (RFC 8461): found before anybody is marked, kept for all workers.

A domain without the TXT record costs one look-up that the resolver keeps. A policy is fetched once, then held in
the database for as long as it says, also while its host is down (3.3).
"""

from __future__ import annotations

import asyncio
import http.client
import io
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, InterfaceError

from delivery import mta_sts
from delivery.mta_sts import Policy
from delivery.queue import sites
from delivery.queue.sites import Kept
from delivery.smtp.client import tls_context

if TYPE_CHECKING:
    from delivery.sender.process import Process

log = structlog.get_logger(__name__)
PORT = 443
SECONDS = 10.0  # for the whole of one fetch
MOST = 64 * 1024  # octets of an answer (3.3)
AT_ONCE = 20  # fetches
PATIENCE = 2.0  # seconds that the others of a batch wait for one domain's policy
COME_BACK = 15.0  # seconds after which a domain is tried again whose policy took longer
AGAIN = 300.0  # seconds until a policy that could not be fetched is asked for again (3.3)
REMEMBERED = 50_000


class NoPolicy(Exception):
    """It could not be fetched; the words say why."""


class Policies:
    """Of one send process. `PENDING` in place of a policy: it is still being fetched."""

    PENDING = Policy("", "", ())

    def __init__(self, process: Process) -> None:
        self._process = process
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._looking: dict[str, asyncio.Task[Policy | None]] = {}
        self._missed: OrderedDict[tuple[str, str], float] = OrderedDict()  # (domain, id): not again before

    async def close(self) -> None:
        for task in list(self._looking.values()):
            task.cancel()
        await asyncio.gather(*self._looking.values(), return_exceptions=True)

    async def of(self, domains: Sequence[str], kept: Mapping[str, Kept]) -> dict[str, Policy | None]:
        """The policy of each domain, None where it has none; `kept` are those in the database that still hold."""
        named = [domain for domain in domains if not domain.startswith("[")]
        looking = {domain: self._look(domain, kept.get(domain)) for domain in named}
        if looking:
            await asyncio.wait(looking.values(), timeout=PATIENCE)
        return dict.fromkeys(domains) | {
            domain: task.result() if task.done() else kept[domain].policy if domain in kept else self.PENDING
            for domain, task in looking.items()
        }

    def _look(self, domain: str, kept: Kept | None) -> asyncio.Task[Policy | None]:
        if domain not in self._looking:
            task = asyncio.get_running_loop().create_task(self._current(domain, kept))
            self._looking[domain] = task
            task.add_done_callback(lambda _: self._looking.pop(domain, None))
        return self._looking[domain]

    async def _current(self, domain: str, kept: Kept | None) -> Policy | None:
        """As the DNS says now; what is kept holds where nothing newer can be had."""
        known = kept.policy if kept else None
        values = await self._process.resolver.lookup_txt(f"_mta-sts.{domain}")
        policy_id = mta_sts.record_id(values or ())
        if not policy_id or (kept and kept.policy.id == policy_id and not kept.old):
            return known
        if self._missed.get((domain, policy_id), 0.0) > time.monotonic():
            return known
        try:
            async with self._at_once:
                found = mta_sts.parse(await self._fetch(domain), policy_id)
        except Exception as why:  # whatever a stranger's host may send, nobody's lease breaks by it
            log.warning("An MTA-STS policy cannot be fetched", domain=domain, why=str(why), kept=known is not None)
            self._miss(domain, policy_id)
            return known
        try:
            await self._process.database.ask(sites.keep_policy, domain, found)
        except (DatabaseError, InterfaceError):
            log.warning("An MTA-STS policy could not be kept", domain=domain)
        return found

    def _miss(self, domain: str, policy_id: str) -> None:
        self._missed[domain, policy_id] = time.monotonic() + AGAIN
        self._missed.move_to_end((domain, policy_id))
        while len(self._missed) > REMEMBERED:
            self._missed.popitem(last=False)

    async def _fetch(self, domain: str) -> str:
        host = f"mta-sts.{domain}"
        addresses = await self._process.resolver.public_addresses(host)
        if not addresses:
            raise NoPolicy(f"{host} has no public address")
        try:
            async with asyncio.timeout(SECONDS):
                return _policy_text(await _get(host, addresses[0]))
        except TimeoutError:
            raise NoPolicy(f"{host} did not answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoPolicy(f"{host}: {str(error) or type(error).__name__}") from error


async def _get(host: str, address: str) -> bytes:
    """All that the host sends for its policy, over TLS with a certificate for its name. Raises OSError, NoPolicy."""
    context: ssl.SSLContext = tls_context(verify=True)
    reader, writer = await asyncio.open_connection(address, PORT, ssl=context, server_hostname=host)
    try:
        request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Shirase\r\n"
        writer.write(f"{request}Accept: text/plain\r\nConnection: close\r\n\r\n".encode())
        said = b""
        while part := await reader.read(MOST):
            said += part
            if len(said) > MOST:
                raise NoPolicy(f"{host} sends more than a policy")
        return said
    finally:
        writer.transport.abort()


class _Said:
    """What http.client reads an answer from."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._said)


def _policy_text(said: bytes) -> str:
    """Of a 200 of plain text; redirects are not followed (3.3). Raises HTTPException, NoPolicy."""
    answer = http.client.HTTPResponse(_Said(said))  # type: ignore[arg-type]
    answer.begin()
    if answer.status != 200:
        raise NoPolicy(f"the host answers {answer.status}")
    if answer.headers.get_content_type() != "text/plain" or "Content-Type" not in answer.headers:
        raise NoPolicy("what the host shows is not text/plain")
    return answer.read().decode("ascii", "replace")
