"""Signing in to a smarthost: a wrong password is the route's fault, and never travels in clear."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest

from delivery.smtp.client import Endpoint, Security, connect
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from tests.servers.fixtures import StartReceiver

from .drive import QUICK, USERS, failed, open_and_send, run

pytestmark = pytest.mark.usefixtures("no_socket_left_open")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_each_mechanism_signs_in(receivers: StartReceiver, server_cert: str, ca_file: str, mechanism: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, mechanisms=[mechanism], users={"宛先": "pä ss"})
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="宛先", password="pä ss")
    assert isinstance(opened, Session)
    assert any(line.startswith(f"AUTH {mechanism}") for line in server.stats()["lines"])


def test_the_strongest_mechanism_comes_first(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert [line for line in server.stats()["lines"] if line.startswith("AUTH")] == ["AUTH CRAM-MD5"]


def test_a_mechanism_that_is_offered_but_not_there_is_passed_over(
    receivers: StartReceiver, server_cert: str, ca_file: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, offered=["CRAM-MD5", "PLAIN"], mechanisms=["PLAIN"], **USERS)
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert isinstance(opened, Session)


@pytest.mark.parametrize("said", ["534 5.7.9 Mechanism too weak", "538 5.7.11 Encryption required for this mechanism"])
def test_a_mechanism_that_is_refused_gives_way_to_the_next(
    receivers: StartReceiver, server_cert: str, ca_file: str, said: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, auth=[said], **USERS)
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert isinstance(opened, Session)
    tried = [line.split(" ")[1] for line in server.stats()["lines"] if line.startswith("AUTH")]
    assert tried == ["CRAM-MD5", "PLAIN"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_wrong_password_is_the_routes_fault_and_tried_once(
    receivers: StartReceiver, server_cert: str, ca_file: str, mechanism: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, mechanisms=[mechanism], **USERS)
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="wrong")
    reply = failed(opened, Fault.AUTH_FAILED, Phase.AUTH)
    assert reply.code == 535
    assert server.stats()["commands"]["AUTH"] == 1


def test_a_busy_sign_in_is_no_wrong_password(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(
        tls="starttls", cert=server_cert, mechanisms=["LOGIN"], auth=["454 4.7.0 Temporary failure"], **USERS
    )
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    reply = failed(opened, "", Phase.AUTH)
    assert reply.code == 454


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
def test_a_server_that_is_dead_within_auth_leaves_nothing_open(
    server_cert: str, ca_file: str, security: Security, loop: str
) -> None:
    """It does not even answer TLS's goodbye, which a polite close would wait for."""
    over = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_cert)

    def serve(server: socket.socket) -> None:
        peer, _ = server.accept()
        if security is Security.STARTTLS:
            for said in (b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"):
                peer.sendall(said)
                if said != b"220 go\r\n":
                    peer.recv(1000)
        with context.wrap_socket(peer, server_side=True) as secured:
            if security is Security.IMPLICIT:
                secured.sendall(b"220 mx\r\n")
            secured.recv(1000)
            secured.sendall(b"250-mx\r\n250 AUTH PLAIN\r\n")
            assert secured.recv(1000).startswith(b"AUTH PLAIN")
            over.wait(20)

    async def go() -> tuple[Session | Reply, int]:
        made = Endpoint("127.0.0.1", port, security, username="shirase", password="right", ca_file=ca_file)
        opened = await connect(made, QUICK)
        await asyncio.sleep(0.1)  # what is aborted is closed a moment later
        return opened, _sockets_to(port)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        opened, left = run(go, loop=loop)
        over.set()
        thread.join()
    failed(opened, Fault.TIMEOUT, Phase.AUTH)
    assert left == 0


def _sockets_to(port: int) -> int:
    """How many connections of this machine to it are open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_a_password_never_travels_in_clear_unless_set(receivers: StartReceiver) -> None:
    server = receivers(**USERS)
    failed(open_and_send(server, username="shirase", password="right"), Fault.AUTH_UNAVAILABLE, Phase.AUTH)
    assert "AUTH" not in server.stats()["commands"]
    assert isinstance(open_and_send(server, username="shirase", password="right", auth_in_clear=True), Session)


def test_a_server_without_auth_is_named(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert)
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    failed(opened, Fault.AUTH_UNAVAILABLE, Phase.AUTH)


@pytest.mark.parametrize("bad", ["a\r\nRCPT TO:<x@y>", "a\nb", "a\x00b"])
def test_a_user_name_or_ehlo_name_cannot_inject(
    receivers: StartReceiver, server_cert: str, ca_file: str, bad: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    assert isinstance(
        open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username=bad, password=bad), Reply
    )
    assert isinstance(open_and_send(server, ehlo_name=bad), Reply)
    assert not {"RCPT", "MAIL"} & set(server.stats()["commands"])


def test_the_password_is_not_in_the_endpoints_repr() -> None:
    assert "geheim" not in repr(Endpoint("mail.example.net", password="geheim"))
