""" "Test this route" names what is wrong, and where, in the reader's language."""

from __future__ import annotations

import datetime as dt
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.utils import translation

from delivery import route_test
from delivery.dns import Resolver
from delivery.route_test import PRESETS, Result, examine, examine_direct
from delivery.route_words import _CERTIFICATE, _DONE, _FAILED, _SAID, OF_OUR_NAME, OP25B, StepName
from delivery.smtp.client import Endpoint, Security
from delivery.smtp.faults import Fault
from delivery.smtp.timeouts import Timeouts
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver
from tests.servers.receiver import Receiver

from .drive import QUICK, run

USERS = {"users": {"shirase": "right"}}


def _examine(server: Receiver | int, timeouts: Timeouts = QUICK, **endpoint: Any) -> Result:
    port = server if isinstance(server, int) else server.port
    made = Endpoint(**({"host": "127.0.0.1", "port": port} | endpoint))
    return run(lambda: examine(made, timeouts))


def _last(result: Result) -> tuple[StepName, bool]:
    return result.steps[-1].name, result.steps[-1].ok


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


def test_a_good_route_has_only_good_steps(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    result = _examine(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="right")
    assert result.ok
    assert {step.name for step in result.steps} == set(StepName) - {StepName.SOURCE, StepName.NAME, StepName.REVERSE}
    assert "PIPELINING" in result.offers
    assert (result.advice, result.proposals) == ((), ())
    assert server.ledger() == []
    assert not {"MAIL", "DATA"} & set(server.stats()["commands"])


def test_a_wrong_password_is_said_after_all_that_went_well(
    receivers: StartReceiver, server_cert: str, ca_file: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert, **USERS)
    result = _examine(server, security=Security.STARTTLS, ca_file=ca_file, username="shirase", password="wrong")
    assert not result.ok
    assert _last(result) == (StepName.AUTH, False)
    assert result.steps[-1].text == "User name or password is wrong."
    assert "535" in result.steps[-1].detail
    assert all(step.ok for step in result.steps[:-1])
    assert "wrong" not in repr(result).replace("is wrong", "").replace("Wrong", "")


@pytest.mark.parametrize(
    ("names", "ended", "words"),
    [(("mail.example.net",), False, "another name"), (("127.0.0.1",), True, "expired")],
)
def test_a_bad_certificate_is_explained(
    receivers: StartReceiver, ca: trustme.CA, ca_file: str, tmp_path: Path, *,
    names: tuple[str, ...], ended: bool, words: str,
) -> None:  # fmt: skip
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    dates = {"not_before": past, "not_after": past + dt.timedelta(days=1)} if ended else {}
    path = tmp_path / "bad.pem"
    ca.issue_cert(*names, **dates).private_key_and_cert_chain_pem.write_to_path(path)
    result = _examine(receivers(tls="starttls", cert=str(path)), security=Security.STARTTLS, ca_file=ca_file)
    assert _last(result) == (StepName.TLS, False)
    assert words in result.steps[-1].text


def test_an_unknown_authority_is_explained(receivers: StartReceiver, server_cert: str) -> None:
    result = _examine(receivers(tls="implicit", cert=server_cert), security=Security.IMPLICIT)
    assert _last(result) == (StepName.TLS, False)
    assert "CA file" in result.steps[-1].text


def test_a_closed_port_is_told_from_a_blocked_one_and_open_ones_are_proposed(
    receivers: StartReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = receivers()
    monkeypatch.setattr(route_test, "SUBMISSION", ((other.port, Security.STARTTLS),))
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    result = _examine(closed)
    assert _last(result) == (StepName.CONNECT, False)
    assert result.steps[-1].text == f"The server is there, but port {closed} is closed on it."
    assert [proposal.port for proposal in result.proposals] == [other.port]
    assert str(other.port) in result.proposals[0].text


def test_a_blocked_port_25_is_explained_with_op25b(receivers: StartReceiver) -> None:
    """Nothing on loopback swallows packets on port 25, so the advice is asked for directly."""
    endpoint = Endpoint("mail.example.net", 25)
    for fault in (Fault.CONNECT_TIMEOUT, Fault.NETWORK_UNREACHABLE):
        advice = route_test._advice(endpoint, fault.reply(route_test.Phase.CONNECT))
        assert [sentence.key for sentence in advice] == [OP25B]
        assert route_test._advice(replace(endpoint, port=587), fault.reply(route_test.Phase.CONNECT)) == ()


def test_a_swallowing_port_times_out_in_words() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        result = _examine(server.getsockname()[1], Timeouts(connect=0.3))
        for filler in fillers:
            filler.close()
    assert _last(result) == (StepName.CONNECT, False)
    assert "firewall" in result.steps[-1].text


def test_the_wrong_kind_of_tls_is_named(receivers: StartReceiver, server_cert: str, ca_file: str) -> None:
    plain_first = receivers(tls="starttls", cert=server_cert)
    result = _examine(plain_first, security=Security.IMPLICIT, ca_file=ca_file)
    assert _last(result) == (StepName.TLS, False)
    assert "choose STARTTLS" in str(result.advice[0])


def test_a_password_in_clear_is_refused_with_advice(receivers: StartReceiver) -> None:
    result = _examine(receivers(**USERS), username="shirase", password="right")
    assert _last(result) == (StepName.AUTH, False)
    assert "never travels in clear" in str(result.advice[0])


@pytest.mark.parametrize(
    ("script", "name", "detail"),
    [
        ({"banner": "554 5.7.1 Go away"}, StepName.BANNER, "Go away"),
        ({"banner": r"RAW SSH-2.0-OpenSSH_9.2\r\n"}, StepName.BANNER, "SSH"),
        ({"ehlo": "550 5.7.1 No PTR", "helo": "550 5.7.1 No PTR"}, StepName.HELO, "No PTR"),
        ({"banner": "SILENT"}, StepName.BANNER, ""),
    ],
)
def test_what_the_server_says_stands_beside_the_sentence(
    receivers: StartReceiver, script: dict[str, str], name: StepName, detail: str
) -> None:
    result = _examine(receivers(**script))
    assert _last(result) == (name, False)
    assert detail in result.steps[-1].detail


def test_a_misspelt_server_is_named() -> None:
    result = _examine(587, host="smtp.nowhere.invalid")
    assert _last(result) == (StepName.DNS, False)


def test_a_direct_route_is_tried_with_somebodys_mail_server(
    receivers: StartReceiver, dns_server: Dns, server_cert: str
) -> None:
    server = receivers(tls="starttls", cert=server_cert)
    dns_server.set(route_test.PROBE_DOMAIN, {"MX": ["10 mx.example.net"]})
    dns_server.set("mx.example.net", {"A": ["127.0.0.1"]})
    like = Endpoint("", server.port, ehlo_name="send.example.jp")

    async def go() -> Result:
        return await examine_direct(like, Resolver([dns_server.address], allow_private=True), QUICK)

    result = run(go)
    assert result.ok
    assert "EHLO send.example.jp" in server.stats()["lines"]
    dns_server.set(route_test.PROBE_DOMAIN, "SERVFAIL")
    failed = run(go)
    assert _last(failed) == (StepName.DNS, False)


def test_every_sentence_has_its_japanese() -> None:
    keys = {*_DONE.values(), *_SAID.values(), *_FAILED.values(), *(key for _, key in _CERTIFICATE), OP25B}
    keys |= {route_test.USE_IMPLICIT, route_test.USE_STARTTLS, route_test.USE_TLS, *OF_OUR_NAME}
    labels = [str(name.label) for name in StepName]
    with translation.override("ja"):
        missing = [key for key in keys if translation.gettext(key) == key]
        same = [name for name, label in zip(StepName, labels, strict=True) if str(name.label) == label]
        hints = [str(preset.hint) for preset in PRESETS if preset.hint]
    assert (missing, same) == ([], [])
    assert not [hint for hint in hints if hint.isascii()]
