"""Opening a connection: every failure is a reply with its phase, and says nothing about the person."""

from __future__ import annotations

import socket

import pytest

from delivery.smtp.client import Endpoint, Security, connect
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts
from tests.servers.fixtures import StartReceiver

from .drive import QUICK, USERS, deliver, failed, open_and_send, run

pytestmark = pytest.mark.usefixtures("no_socket_left_open")


def test_a_closed_port_is_told_from_a_silent_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failed(open_and_send(port), Fault.CONNECT_REFUSED, Phase.CONNECT)


def test_a_port_that_swallows_connections_times_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        failed(open_and_send(server.getsockname()[1], Timeouts(connect=0.3)), Fault.CONNECT_TIMEOUT, Phase.CONNECT)
        for filler in fillers:
            filler.close()


def test_the_next_address_is_tried_when_the_first_takes_no_connection(receivers: StartReceiver) -> None:
    server = receivers()
    opened = open_and_send(server, host="mx.example.net", addresses=("127.9.9.9", "127.0.0.1"))
    assert isinstance(opened, Session)
    assert (opened.host, opened.address) == ("mx.example.net", "127.0.0.1")


def test_an_unknown_name_is_a_reply_of_the_dns_phase() -> None:
    opened = open_and_send(25, host="nowhere.invalid")
    assert isinstance(opened, Reply)
    assert opened.phase is Phase.DNS
    assert opened.synthetic in (Fault.NO_SUCH_DOMAIN, Fault.DNS_TEMPORARY)


def test_a_source_address_of_another_machine_is_named(receivers: StartReceiver) -> None:
    failed(open_and_send(receivers(), source_address="192.0.2.1"), Fault.SOURCE_ADDRESS, Phase.CONNECT)
    assert isinstance(open_and_send(receivers(), source_address="127.0.0.5"), Session)


@pytest.mark.parametrize(
    ("script", "synthetic", "phase"),
    [
        ({"banner": "421 4.3.2 Too many connections"}, "", Phase.CONNECT),
        ({"banner": "554 5.7.1 You are listed at zen.example"}, "", Phase.CONNECT),
        ({"banner": "DROP"}, Fault.CONNECT_RESET, Phase.CONNECT),
        ({"banner": "SILENT"}, Fault.BANNER_TIMEOUT, Phase.CONNECT),
        ({"banner": "SLOW 0.1 220 one octet at a time, for ever and ever"}, Fault.BANNER_TIMEOUT, Phase.CONNECT),
        ({"banner": r"RAW SSH-2.0-OpenSSH_9.2\r\n"}, Fault.PROTOCOL_ERROR, Phase.CONNECT),
        ({"banner": "FLOOD 100000 x"}, Fault.PROTOCOL_ERROR, Phase.CONNECT),
        ({"ehlo": "421 4.3.2 Too busy"}, "", Phase.HELO),
        ({"ehlo": "451 4.3.2 Later"}, "", Phase.HELO),
        ({"ehlo": "DROP"}, Fault.DROPPED, Phase.HELO),
        ({"ehlo": "SILENT"}, Fault.TIMEOUT, Phase.HELO),
        ({"ehlo": "FLOOD 100000 250-and on\\r\\n"}, Fault.PROTOCOL_ERROR, Phase.HELO),
        ({"ehlo": "502 no", "helo": "550 5.7.1 You have no PTR"}, "", Phase.HELO),
    ],
)
def test_failures_before_mail_say_nothing_about_the_person(
    receivers: StartReceiver, script: dict[str, str], synthetic: str, phase: Phase
) -> None:
    opened = open_and_send(receivers(**script))
    assert isinstance(opened, Reply)
    assert (opened.synthetic, opened.phase, ending(opened)) == (synthetic, phase, Ending.RETURNED)


MIXED = [r"RAW 250-one\r\n550 two\r\n", r"RAW 550-one\r\n250 two\r\n", r"RAW 235-one\r\n250-two\r\n235 ok\r\n"]


@pytest.mark.parametrize("said", MIXED)
@pytest.mark.parametrize(
    ("step", "phase"),
    [("banner", Phase.CONNECT), ("ehlo", Phase.HELO), ("starttls", Phase.TLS), ("auth", Phase.AUTH)],
)
def test_a_code_that_changes_within_a_reply_is_no_reply(
    receivers: StartReceiver, server_cert: str, ca_file: str, step: str, phase: Phase, said: str
) -> None:
    """Temporary, and the connection is closed: nobody knows which of the codes is meant (RFC 5321, 4.2.1)."""
    server = receivers(**{step: [said]}, tls="starttls", cert=server_cert, **USERS)
    opened = open_and_send(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    reply = failed(opened, Fault.PROTOCOL_ERROR, phase)
    assert (reply.code, "the code changes" in reply.text) == (421, True)
    assert "HELO" not in server.stats()["commands"]


def test_a_server_without_ehlo_gets_helo_and_no_extension(receivers: StartReceiver) -> None:
    server = receivers(ehlo="502 5.5.1 What is EHLO?")
    opened = open_and_send(server)
    assert isinstance(opened, Session)
    assert not opened.can.pipelining
    assert opened.can.size is None
    assert server.stats()["commands"]["HELO"] == 1


def test_421_to_ehlo_is_not_answered_with_helo(receivers: StartReceiver) -> None:
    server = receivers(ehlo=["421 4.3.2 Busy"])
    open_and_send(server)
    assert "HELO" not in server.stats()["commands"]
    assert deliver(server, "a@example.net").endings == [Ending.DELIVERED]


def test_what_a_server_offers_can_be_shown_whatever_its_octets(receivers: StartReceiver) -> None:
    server = receivers(ehlo=r"RAW 250-mx\r\n250-SIZE " + "9" * 4000 + r"\r\n250 X-\xff\x01\r\n")
    shown: list[str] = []

    async def go() -> Session | Reply:
        opened = await connect(
            Endpoint("127.0.0.1", server.port), QUICK, on_step=lambda _phase, text: shown.append(text)
        )
        if isinstance(opened, Session):
            opened.abort()
        return opened

    opened = run(go)
    assert isinstance(opened, Session)
    assert opened.can.size == 0
    assert "X-" in shown[-1]
    assert shown[-1].encode().decode().isprintable()
