"""Opening a connection: every failure is a reply with its phase, and a password never travels in clear."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from delivery.smtp.client import Endpoint, Security, connect, may_retry_plain
from delivery.smtp.faults import Ending, Fault, ending
from delivery.smtp.replies import Phase, Reply
from delivery.smtp.session import Session
from delivery.smtp.timeouts import Timeouts
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

from .drive import QUICK, deliver, envelope, run

USERS = {"users": {"shirase": "right"}}


def _open(server: Receiver | int, timeouts: Timeouts = QUICK, *, loop: str = "uvloop", plain: bool = False,
          **endpoint: object) -> Session | Reply:  # fmt: skip
    """Open, send one message if that worked, and close."""
    port = server if isinstance(server, int) else server.port

    async def go() -> Session | Reply:
        made = Endpoint(**({"host": "127.0.0.1", "port": port} | endpoint))  # type: ignore[arg-type]
        session = await connect(made, timeouts, plain=plain)
        if isinstance(session, Session):
            assert (await session.send(envelope(1))).code == 250
            await session.quit()
        return session

    return run(go, loop=loop)


def _failed(opened: Session | Reply, fault: Fault | str, phase: Phase) -> Reply:
    assert isinstance(opened, Reply)
    assert (opened.synthetic, opened.phase) == (fault, phase)
    assert ending(opened) in (Ending.RETURNED, Ending.DEFERRED)
    return opened


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


def _certificate(ca: trustme.CA, folder: Path, *names: str, ended: bool = False) -> str:
    path = folder / "other.pem"
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    cert = (
        ca.issue_cert(*names, not_before=past, not_after=past + dt.timedelta(days=1))
        if ended
        else ca.issue_cert(*names)
    )
    cert.private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


# TCP and the banner


def test_a_closed_port_is_told_from_a_silent_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    _failed(_open(port), Fault.CONNECT_REFUSED, Phase.CONNECT)


def test_a_port_that_swallows_connections_times_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        _failed(_open(server.getsockname()[1], Timeouts(connect=0.3)), Fault.CONNECT_TIMEOUT, Phase.CONNECT)
        for filler in fillers:
            filler.close()


def test_the_next_address_is_tried_when_the_first_takes_no_connection(receivers: StartReceiver) -> None:
    server = receivers()
    opened = _open(server, host="mx.example.net", addresses=("127.9.9.9", "127.0.0.1"))
    assert isinstance(opened, Session)
    assert (opened.host, opened.address) == ("mx.example.net", "127.0.0.1")


def test_an_unknown_name_is_a_reply_of_the_dns_phase() -> None:
    opened = _open(25, host="nowhere.invalid")
    assert isinstance(opened, Reply)
    assert opened.phase is Phase.DNS
    assert opened.synthetic in (Fault.NO_SUCH_DOMAIN, Fault.DNS_TEMPORARY)


def test_a_source_address_of_another_machine_is_named(receivers: StartReceiver) -> None:
    _failed(_open(receivers(), source_address="192.0.2.1"), Fault.SOURCE_ADDRESS, Phase.CONNECT)
    assert isinstance(_open(receivers(), source_address="127.0.0.5"), Session)


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
    opened = _open(receivers(**script))
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
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    reply = _failed(opened, Fault.PROTOCOL_ERROR, phase)
    assert (reply.code, "the code changes" in reply.text) == (421, True)
    assert "HELO" not in server.stats()["commands"]


def test_a_server_without_ehlo_gets_helo_and_no_extension(receivers: StartReceiver) -> None:
    server = receivers(ehlo="502 5.5.1 What is EHLO?")
    opened = _open(server)
    assert isinstance(opened, Session)
    assert not opened.can.pipelining
    assert opened.can.size is None
    assert server.stats()["commands"]["HELO"] == 1


def test_421_to_ehlo_is_not_answered_with_helo(receivers: StartReceiver) -> None:
    server = receivers(ehlo=["421 4.3.2 Busy"])
    _open(server)
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


# TLS


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
    server = receivers(tls=tls, cert=_certificate(ca, tmp_path, *names, ended=ended))
    reply = _failed(_open(server, security=Security(tls), ca_file=ca_file), Fault.TLS_CERTIFICATE, Phase.TLS)
    assert words in reply.text


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_an_unknown_authority_is_refused(receivers: StartReceiver, server_cert: str, tls: str) -> None:
    server = receivers(tls=tls, cert=server_cert, **USERS)
    reply = _open(server, security=Security(tls), username="shirase", password="right")
    _failed(reply, Fault.TLS_CERTIFICATE, Phase.TLS)
    assert "AUTH" not in server.stats()["commands"]


def test_starttls_that_is_demanded_and_not_offered_sends_nothing(receivers: StartReceiver) -> None:
    """STARTTLS stripping: somebody in between took the offer out."""
    server = receivers(**USERS)
    reply = _open(server, security=Security.STARTTLS, username="shirase", password="right")
    _failed(reply, Fault.TLS_UNAVAILABLE, Phase.TLS)
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
    _failed(_open(server, security=security), Fault.TIMEOUT, Phase.TLS)


def test_a_port_for_tls_that_never_shakes_hands_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        _failed(_open(server.getsockname()[1], security=Security.IMPLICIT), Fault.BANNER_TIMEOUT, Phase.CONNECT)


def test_starttls_that_is_refused_keeps_the_servers_words(receivers: StartReceiver, server_cert: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, starttls="454 4.7.0 TLS not available right now")
    reply = _failed(_open(server, security=Security.STARTTLS), "", Phase.TLS)
    assert reply.code == 454


def test_a_broken_handshake_goes_plain_only_on_the_next_connection(receivers: StartReceiver, server_cert: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, newest_tls="1.1")
    endpoint = Endpoint("127.0.0.1", server.port, security=Security.OPPORTUNISTIC)
    opened = _open(server, security=Security.OPPORTUNISTIC)
    _failed(opened, Fault.TLS_FAILED, Phase.TLS)
    assert isinstance(opened, Reply)
    assert may_retry_plain(endpoint, opened)
    assert not may_retry_plain(Endpoint("127.0.0.1", security=Security.STARTTLS), opened)
    assert isinstance(_open(server, security=Security.OPPORTUNISTIC, plain=True), Session)


def test_opportunistic_tls_takes_any_certificate_and_lives_without(receivers: StartReceiver, server_cert: str) -> None:
    secured = _open(receivers(tls="starttls", cert=server_cert), security=Security.OPPORTUNISTIC)
    assert isinstance(secured, Session)
    assert secured.tls
    clear = _open(receivers(), security=Security.OPPORTUNISTIC)
    assert isinstance(clear, Session)
    assert clear.tls == ""


def test_bytes_injected_behind_the_220_are_dropped(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, inject="250-evil\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n")
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file)
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
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file)
    assert isinstance(opened, Session)
    assert opened.can.size is None
    assert opened.can.pipelining


def test_the_context_of_a_caller_is_used(receivers: StartReceiver, server_cert: str, trusting: ssl.SSLContext) -> None:
    server = receivers(tls="implicit", cert=server_cert)
    assert isinstance(_open(server, security=Security.IMPLICIT, tls_context=trusting), Session)


def test_old_tls_is_refused(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, newest_tls="1.1")
    _failed(_open(server, security=Security.STARTTLS, ca_file=ca_file), Fault.TLS_FAILED, Phase.TLS)


# AUTH


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_each_mechanism_signs_in(receivers: StartReceiver, server_cert: str, ca_file: str, mechanism: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, mechanisms=[mechanism], users={"宛先": "pä ss"})
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="宛先", password="pä ss")
    assert isinstance(opened, Session)
    assert any(line.startswith(f"AUTH {mechanism}") for line in server.stats()["lines"])


def test_the_strongest_mechanism_comes_first(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert [line for line in server.stats()["lines"] if line.startswith("AUTH")] == ["AUTH CRAM-MD5"]


def test_a_mechanism_that_is_offered_but_not_there_is_passed_over(
    receivers: StartReceiver, server_cert: str, ca_file: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, offered=["CRAM-MD5", "PLAIN"], mechanisms=["PLAIN"], **USERS)
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert isinstance(opened, Session)


@pytest.mark.parametrize("said", ["534 5.7.9 Mechanism too weak", "538 5.7.11 Encryption required for this mechanism"])
def test_a_mechanism_that_is_refused_gives_way_to_the_next(
    receivers: StartReceiver, server_cert: str, ca_file: str, said: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, auth=[said], **USERS)
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert isinstance(opened, Session)
    tried = [line.split(" ")[1] for line in server.stats()["lines"] if line.startswith("AUTH")]
    assert tried == ["CRAM-MD5", "PLAIN"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_wrong_password_is_the_routes_fault_and_tried_once(
    receivers: StartReceiver, server_cert: str, ca_file: str, mechanism: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, mechanisms=[mechanism], **USERS)
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="wrong")
    reply = _failed(opened, Fault.AUTH_FAILED, Phase.AUTH)
    assert reply.code == 535
    assert server.stats()["commands"]["AUTH"] == 1


def test_a_busy_sign_in_is_no_wrong_password(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(
        tls="starttls", cert=server_cert, mechanisms=["LOGIN"], auth=["454 4.7.0 Temporary failure"], **USERS
    )
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    reply = _failed(opened, "", Phase.AUTH)
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
    _failed(opened, Fault.TIMEOUT, Phase.AUTH)
    assert left == 0


def _sockets_to(port: int) -> int:
    """How many connections of this machine to it are open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_a_password_never_travels_in_clear_unless_set(receivers: StartReceiver) -> None:
    server = receivers(**USERS)
    _failed(_open(server, username="shirase", password="right"), Fault.AUTH_UNAVAILABLE, Phase.AUTH)
    assert "AUTH" not in server.stats()["commands"]
    assert isinstance(_open(server, username="shirase", password="right", auth_in_clear=True), Session)


def test_a_server_without_auth_is_named(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert)
    opened = _open(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    _failed(opened, Fault.AUTH_UNAVAILABLE, Phase.AUTH)


@pytest.mark.parametrize("bad", ["a\r\nRCPT TO:<x@y>", "a\nb", "a\x00b"])
def test_a_user_name_or_ehlo_name_cannot_inject(
    receivers: StartReceiver, server_cert: str, ca_file: str, bad: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    assert isinstance(_open(server, security=Security.STARTTLS, ca_file=ca_file, username=bad, password=bad), Reply)
    assert isinstance(_open(server, ehlo_name=bad), Reply)
    assert not {"RCPT", "MAIL"} & set(server.stats()["commands"])


def test_the_password_is_not_in_the_endpoints_repr() -> None:
    assert "geheim" not in repr(Endpoint("mail.example.net", password="geheim"))


@pytest.fixture(autouse=True)
def no_socket_left_open(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    yield
    assert not [w for w in recwarn if issubclass(w.category, ResourceWarning)]
