"""Opens a connection to one mail server: TCP, banner, EHLO, TLS, AUTH, each with its own failure.

aiosmtplib does the opening; then `Session` takes its transport over. Nothing is raised for what a
network or a server may do: it comes back as a Reply with its phase.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import aiosmtplib
from aiosmtplib import SMTP, SMTPResponse
from aiosmtplib.protocol import SMTPProtocol

from delivery.smtp import tcp
from delivery.smtp.commands import Capabilities
from delivery.smtp.failures import OpeningFailed, as_reply, auth_failure, banner_failure, tls_failure
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, ProtocolError, Reply, clean, scan
from delivery.smtp.session import Session
from delivery.smtp.tcp import Step
from delivery.smtp.timeouts import Timeouts


class Security(enum.StrEnum):
    """How the connection is protected."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"  # direct to MX: STARTTLS if offered, no certificate asked for
    STARTTLS = "starttls"  # demanded, certificate verified
    IMPLICIT = "implicit"  # TLS from the first byte (port 465), certificate verified


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server to deliver to, and how."""

    host: str  # the name: for the certificate, the logs, and the look-up if no address is given
    port: int = 25
    security: Security = Security.NONE
    addresses: tuple[str, ...] = ()  # already resolved and checked; tried in order
    username: str = ""
    password: str = field(default="", repr=False)
    auth_in_clear: bool = False
    verify: bool = True  # for STARTTLS and IMPLICIT
    ca_file: str = ""  # a PEM bundle to trust instead of the system's
    tls_context: ssl.SSLContext | None = None  # overrides `verify` and `ca_file`
    ehlo_name: str = "localhost"
    source_address: str = ""


class _Protocol(SMTPProtocol):
    """aiosmtplib's, but a reply is what `scan` says: it would take the last line's code of one whose codes differ."""

    def _read_response_from_buffer(self) -> SMTPResponse | None:
        said = bytes(self._buffer)
        response = super()._read_response_from_buffer()
        try:
            scan(said)
        except ProtocolError as wrong:
            raise aiosmtplib.SMTPResponseException(-1, str(wrong)) from None
        return response


aiosmtplib.smtp.SMTPProtocol = _Protocol  # type: ignore[attr-defined]  # there is no other way to give it one


async def connect(
    endpoint: Endpoint, timeouts: Timeouts | None = None, *, plain: bool = False, on_step: Step | None = None
) -> Session | Reply:
    """An open session, or the reply that says what failed.

    Addresses are tried in order until one takes the connection; what a server says then is final.
    `plain` leaves STARTTLS out where it is only opportunistic: for the next connection after one
    came back with phase TLS (`may_retry_plain`).
    """
    opening = _Opening(endpoint, timeouts or Timeouts(), plain=plain, on_step=on_step or (lambda _p, _t: None))
    try:
        return await opening.run()
    except OpeningFailed as failed:
        return failed.reply


def may_retry_plain(endpoint: Endpoint, reply: Reply) -> bool:
    """An opportunistic handshake failed: the next connection, not this one, may go without TLS (RFC 3207, 4.2)."""
    return endpoint.security is Security.OPPORTUNISTIC and reply.phase is Phase.TLS


@lru_cache(maxsize=64)
def tls_context(*, verify: bool, ca_file: str = "") -> ssl.SSLContext:
    """TLS 1.2 or later. Without `verify` the line is still private against onlookers."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Opening:
    """One attempt to open one connection."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, *, plain: bool, on_step: Step) -> None:
        self.endpoint, self.timeouts, self.plain, self.on_step = endpoint, timeouts, plain, on_step
        self.address = ""
        self.smtp = SMTP()
        self._transport: asyncio.BaseTransport | None = None

    async def run(self) -> Session:
        sock, self.address = await tcp.dial(self.endpoint, self.timeouts.connect, self.on_step)
        try:
            banner = await self._banner(sock)  # the socket is the transport's from here on
            self._transport = self.smtp.transport
            await self._hello()
            await self._starttls()
            self._transport = self.smtp.transport
            await self._authenticate()
            return self._session(banner)
        except BaseException:
            # aiosmtplib may have closed and forgotten it, and its close() waits for a TLS peer's goodbye.
            if transport := self.smtp.transport or self._transport:
                cast(asyncio.Transport, transport).abort()
            self.smtp.close()
            raise

    # Banner, EHLO, TLS, AUTH

    async def _banner(self, sock: socket.socket) -> str:
        endpoint, implicit = self.endpoint, self.endpoint.security is Security.IMPLICIT
        try:
            self.smtp = SMTP(
                hostname=endpoint.host, sock=sock, use_tls=implicit, start_tls=False,
                local_hostname=endpoint.ehlo_name, timeout=self.timeouts.banner,
                tls_context=self._context() if implicit else None,
            )  # fmt: skip
        except (OpeningFailed, ValueError) as error:
            sock.close()
            if isinstance(error, OpeningFailed):
                raise
            raise OpeningFailed(Fault.ROUTE_SETTINGS.reply(Phase.CONNECT, str(error))) from error
        try:
            response = await self.smtp.connect()
        except aiosmtplib.SMTPConnectResponseError as error:
            raise OpeningFailed(as_reply(error.code, error.message, Phase.CONNECT)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise OpeningFailed(Fault.PROTOCOL_ERROR.reply(Phase.CONNECT, error.message)) from error
        except aiosmtplib.SMTPConnectTimeoutError as error:
            raise OpeningFailed(Fault.BANNER_TIMEOUT.reply(Phase.CONNECT)) from error
        except aiosmtplib.SMTPConnectError as error:
            raise OpeningFailed(banner_failure(error, implicit=implicit)) from error
        if implicit:
            self.on_step(Phase.TLS, self._tls())
        self.on_step(Phase.CONNECT, clean(response.message))
        return clean(response.message)

    async def _hello(self) -> None:
        """EHLO; HELO only if the server does not know EHLO (5xx), not if it is busy (RFC 5321, 3.2)."""
        try:
            await self._ask(self.smtp.ehlo(timeout=self.timeouts.hello), Phase.HELO)
        except OpeningFailed as failed:
            if not failed.reply.permanent:
                raise
            await self._ask(self.smtp.helo(timeout=self.timeouts.hello), Phase.HELO)
        self.on_step(Phase.HELO, clean(" ".join(sorted(self.smtp.esmtp_extensions)).upper()))

    async def _starttls(self) -> None:
        security = self.endpoint.security
        wanted = security is Security.STARTTLS or (security is Security.OPPORTUNISTIC and not self.plain)
        if not wanted:
            return
        if not self.smtp.supports_extension("starttls"):
            if security is Security.STARTTLS:
                raise OpeningFailed(Fault.TLS_UNAVAILABLE.reply(Phase.TLS))
            return
        context = self._context()
        # aiosmtplib forgets the first EHLO and drops what was injected behind the 220 (RFC 3207, 4.2).
        await self._ask(
            self.smtp.starttls(server_hostname=self.endpoint.host, tls_context=context, timeout=self.timeouts.hello),
            Phase.TLS,
        )
        self.on_step(Phase.TLS, self._tls())
        await self._hello()

    def _context(self) -> ssl.SSLContext:
        endpoint = self.endpoint
        verify = endpoint.verify and endpoint.security is not Security.OPPORTUNISTIC
        try:
            return endpoint.tls_context or tls_context(verify=verify, ca_file=endpoint.ca_file)
        except OSError as error:
            raise OpeningFailed(Fault.ROUTE_SETTINGS.reply(Phase.TLS, f"{endpoint.ca_file}: {error}")) from error

    async def _authenticate(self) -> None:
        if not self.endpoint.username:
            return
        if not self._secure() and not self.endpoint.auth_in_clear:
            raise OpeningFailed(Fault.AUTH_UNAVAILABLE.reply(Phase.AUTH, "the connection is not encrypted"))
        user, password, smtp = self.endpoint.username, self.endpoint.password, self.smtp
        methods = {"cram-md5": smtp.auth_crammd5, "plain": smtp.auth_plain, "login": smtp.auth_login}
        offered = [name for name in methods if name in smtp.server_auth_methods]
        failure = Fault.AUTH_UNAVAILABLE.reply(Phase.AUTH, " ".join(smtp.server_auth_methods) or "none")
        for name in offered:
            try:
                await self._ask(methods[name](user, password, timeout=self.timeouts.hello), Phase.AUTH)
            except OpeningFailed as failed:
                failure = failed.reply
                if failure.code not in (500, 502, 504, 534, 538):  # this method is not for you: the next one may be
                    raise
            else:
                self.on_step(Phase.AUTH, name.upper())
                return
        raise OpeningFailed(failure)

    async def _ask(self, command: object, phase: Phase) -> None:
        """Await one aiosmtplib command; its exceptions become replies of this phase."""
        try:
            await command  # type: ignore[misc]
        except aiosmtplib.SMTPAuthenticationError as error:
            raise OpeningFailed(auth_failure(error.code, error.message)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise OpeningFailed(as_reply(error.code, error.message, phase)) from error
        except aiosmtplib.SMTPTimeoutError as error:
            raise OpeningFailed(Fault.TIMEOUT.reply(phase)) from error
        except (ssl.SSLError, aiosmtplib.SMTPException, OSError) as error:
            dropped = Fault.DROPPED.reply(phase, str(error))
            raise OpeningFailed(tls_failure(error) if phase is Phase.TLS else dropped) from error
        except ValueError as error:  # also UnicodeError: a name that cannot be written
            raise OpeningFailed(Fault.ROUTE_SETTINGS.reply(phase, str(error))) from error

    def _secure(self) -> bool:
        return self.smtp.get_transport_info("sslcontext") is not None

    def _tls(self) -> str:
        cipher = self.smtp.get_transport_info("cipher")
        return f"{cipher[1]} {cipher[0]}" if cipher else ""

    def _session(self, banner: str) -> Session:
        smtp = self.smtp
        session = Session(
            host=self.endpoint.host, port=self.endpoint.port, address=self.address,
            can=Capabilities.read(smtp.esmtp_extensions, smtp.server_auth_methods),
            timeouts=self.timeouts, ehlo_name=self.endpoint.ehlo_name, tls=self._tls(), banner=banner,
        )  # fmt: skip
        session.take_over(smtp.transport)
        return session
