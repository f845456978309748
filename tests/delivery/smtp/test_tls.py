"""Opening a connection over TLS: what was said in clear is not believed behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from delivery.smtp.client import Endpoint, Security, connect, may_retry_plain
from delivery.smtp.faults import Ending, Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from tests.servers.fixtures import StartReceiver

from .drive import QUICK, USERS, deliver, failed, open_and_send, run

pytestmark = pytest.mark.usefixtures("no_socket_left_open")


def certificate(ca: trustme.CA, folder: Path, *names: str, ended: bool = False) -> str:
    path = folder / "other.pem"
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    cert = (
        ca.issue_cert(*names, not_before=past, not_after=past + dt.timedelta(days=1))
        if ended
        else ca.issue_cert(*names)
    )
    cert.private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_both_kinds_of_tls_carry_the_pipelined_dialogue(
    receivers: StartReceiver, server_cert: str, ca_file: str, tls: str, loop: str
) -> None:
    server = receivers(tls=tls, cert=server_cert)
    rcpts = [f"user{n}@example.net" for n in range(50)]
    told = deliver(server, *rcpts, loop=loop, security=Security(tls), ca_file=ca_file)
    assert told.endings == [Ending.DELIVERED] * 50
    assert told.transcripts[50].tls.startswith("TLSv1.")
    assert [a.rcpt for a in server.ledger()] == rcpts


def test_a_dot_on_a_dropped_tls_connection_is_uncertain(
    receivers: StartReceiver, server_cert: str, ca_file: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, dot={".*": "ACCEPT DROP"})
    told = deliver(server, "a@example.net", security=Security.STARTTLS, ca_file=ca_file)
    assert told.endings == [Ending.UNCERTAIN]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("names", "ended", "words"),
    [(("mail.example.net",), False, "mismatch"), (("127.0.0.1",), True, "expired")],
)
def test_a_wrong_certificate_is_refused_in_words(
    receivers: StartReceiver, ca: trustme.CA, tmp_path: Path, ca_file: str, *,
    tls: str, names: tuple[str, ...], ended: bool, words: str,
) -> None:  # fmt: skip
    server = receivers(tls=tls, cert=certificate(ca, tmp_path, *names, ended=ended))
    reply = failed(open_and_send(server, security=Security(tls), ca_file=ca_file), Fault.TLS_CERTIFICATE, Phase.TLS)
    assert words in reply.text


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_an_unknown_authority_is_refused(receivers: StartReceiver, server_cert: str, tls: str) -> None:
    server = receivers(tls=tls, cert=server_cert, **USERS)
    reply = open_and_send(server, security=Security(tls), username="shirase", password="right")
    failed(reply, Fault.TLS_CERTIFICATE, Phase.TLS)
    assert "AUTH" not in server.stats()["commands"]


def test_starttls_that_is_demanded_and_not_offered_sends_nothing(receivers: StartReceiver) -> None:
    """STARTTLS stripping: somebody in between took the offer out."""
    server = receivers(**USERS)
    reply = open_and_send(server, security=Security.STARTTLS, username="shirase", password="right")
    failed(reply, Fault.TLS_UNAVAILABLE, Phase.TLS)
    assert set(server.stats()["commands"]) == {"EHLO"}


def test_what_the_clear_ehlo_offered_is_not_used_behind_tls(
    receivers: StartReceiver, server_cert: str, ca_file: str
) -> None:
    """PIPELINING offered in clear only: whoever believed it would write before his turn."""
    clear = ["250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 STARTTLS"]
    server = receivers(tls="starttls", cert=server_cert, extensions=["8BITMIME"], ehlo=clear)
    told = deliver(server, "a@example.net", "b@example.net", security=Security.STARTTLS, ca_file=ca_file)
    assert told.endings == [Ending.DELIVERED] * 2
    assert server.violations() == []
    assert not [line for line in server.stats()["lines"] if "RET=" in line]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.OPPORTUNISTIC])
@pytest.mark.parametrize("starttls", ["SILENT", r"RAW 220 2.0.0 Go ahead\r\n"])
def test_a_server_that_is_silent_within_starttls_times_out(
    receivers: StartReceiver, server_cert: str, security: Security, starttls: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, starttls=starttls)
    failed(open_and_send(server, security=security), Fault.TIMEOUT, Phase.TLS)


def test_a_port_for_tls_that_never_shakes_hands_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        failed(open_and_send(server.getsockname()[1], security=Security.IMPLICIT), Fault.BANNER_TIMEOUT, Phase.CONNECT)


def test_starttls_that_is_refused_keeps_the_servers_words(receivers: StartReceiver, server_cert: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, starttls="454 4.7.0 TLS not available right now")
    reply = failed(open_and_send(server, security=Security.STARTTLS), "", Phase.TLS)
    assert reply.code == 454


def test_a_broken_handshake_goes_plain_only_on_the_next_connection(receivers: StartReceiver, server_cert: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, newest_tls="1.1")
    endpoint = Endpoint("127.0.0.1", server.port, security=Security.OPPORTUNISTIC)
    opened = open_and_send(server, security=Security.OPPORTUNISTIC)
    failed(opened, Fault.TLS_FAILED, Phase.TLS)
    assert isinstance(opened, Reply)
    assert may_retry_plain(endpoint, opened)
    assert not may_retry_plain(Endpoint("127.0.0.1", security=Security.STARTTLS), opened)
    assert isinstance(open_and_send(server, security=Security.OPPORTUNISTIC, plain=True), Session)


def test_opportunistic_tls_takes_any_certificate_and_lives_without(receivers: StartReceiver, server_cert: str) -> None:
    secured = open_and_send(receivers(tls="starttls", cert=server_cert), security=Security.OPPORTUNISTIC)
    assert isinstance(secured, Session)
    assert secured.tls
    clear = open_and_send(receivers(), security=Security.OPPORTUNISTIC)
    assert isinstance(clear, Session)
    assert clear.tls == ""


def test_bytes_injected_behind_the_220_are_dropped(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, inject="250-evil\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n")
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file)
    if isinstance(opened, Session):  # in one packet with the 220, else the handshake fails: both are safe
        assert (opened.can.size, opened.can.auth) == (None, ())


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_what_was_injected_before_the_handshake_is_not_believed(server_cert: str, ca_file: str, loop: str) -> None:
    """`220 ok` and a forged EHLO answer in one packet: only what comes inside TLS counts (RFC 3207, 4.2)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_cert)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        await reader.readline()
        writer.write(b"250-test\r\n250-AUTH PLAIN\r\n250-SIZE 10\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 ok\r\n250-test\r\n250 SMTPUTF8\r\n")
        await writer.drain()
        writer.close()

    async def go() -> Session | Reply:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        opened = await connect(Endpoint("127.0.0.1", port, security=Security.STARTTLS, ca_file=ca_file), QUICK)
        server.close()
        return opened

    opened = run(go, loop=loop)
    assert isinstance(opened, Reply)
    assert opened.phase is Phase.TLS


def test_extensions_of_the_clear_ehlo_are_forgotten(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, ehlo=["250-mx\r\n250-SIZE 1\r\n250-X-EVIL\r\n250 STARTTLS"])
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file)
    assert isinstance(opened, Session)
    assert opened.can.size is None
    assert opened.can.pipelining


def test_the_context_of_a_caller_is_used(receivers: StartReceiver, server_cert: str, trusting: ssl.SSLContext) -> None:
    server = receivers(tls="implicit", cert=server_cert)
    assert isinstance(open_and_send(server, security=Security.IMPLICIT, tls_context=trusting), Session)


def test_old_tls_is_refused(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, newest_tls="1.1")
    failed(open_and_send(server, security=Security.STARTTLS, ca_file=ca_file), Fault.TLS_FAILED, Phase.TLS)
