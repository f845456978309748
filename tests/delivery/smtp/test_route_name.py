"""The name in EHLO, the source address and its reverse name: what receivers compare, and what we say to do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from delivery import route_name
from delivery.dns import Resolver
from delivery.route_words import StepName
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Reply
from tests.delivery.smtp.drive import open_and_send
from tests.servers.dns import Dns
from tests.servers.fixtures import StartReceiver

NAME, ADDRESS = "send.example.jp", "93.184.216.34"
REVERSE = "34.216.184.93.in-addr.arpa"
RIGHT: dict[str, Any] = {NAME: {"A": [ADDRESS]}, REVERSE: {"PTR": [NAME]}}


def look(zone: dict[str, Any], *, name: str = NAME, source: str = "") -> dict[StepName, tuple[bool, str]]:
    with Dns(zone) as names:
        steps = asyncio.run(route_name.examine(name, source, Resolver([names.address], seconds=1.0)))
    return {step.name: (step.ok, step.text) for step in steps}


def test_a_name_and_an_address_that_lead_to_each_other_are_right() -> None:
    found = look(RIGHT)
    assert [ok for ok, _text in found.values()] == [True, True]
    assert found[StepName.REVERSE][1] == f"{ADDRESS} is called {NAME}, and that name leads back to it."


@pytest.mark.parametrize(
    ("change", "step", "words"),
    [
        ({NAME: "NXDOMAIN"}, StepName.NAME, "Add an A or AAAA record"),
        ({NAME: "SERVFAIL"}, StepName.NAME, "The DNS did not answer"),
        ({REVERSE: "NXDOMAIN"}, StepName.REVERSE, "has no reverse name"),
        ({REVERSE: {"PTR": ["host34.isp.example"]}}, StepName.REVERSE, "is called host34.isp.example"),
        ({REVERSE: "SERVFAIL"}, StepName.REVERSE, "The DNS did not answer"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change: dict[str, Any], step: StepName, words: str) -> None:
    found = look(RIGHT | change)
    assert not found[step][0]
    assert words in found[step][1]


def test_a_name_without_a_dot_is_none() -> None:
    assert look(RIGHT, name="localhost")[StepName.NAME] == (
        False,
        "“localhost” is no full host name. Enter one like mail.example.com, or set SMTP_HOSTNAME for the whole "
        "install.",
    )


def test_a_public_source_address_must_be_the_one_that_the_name_leads_to() -> None:
    found = look(RIGHT, source="93.184.216.99")
    assert not found[StepName.SOURCE][0], "and it must be this machine's"
    assert "not to the source address 93.184.216.99" in found[StepName.NAME][1]


def test_behind_address_translation_the_addresses_of_the_name_are_looked_at() -> None:
    found = look(RIGHT, source="127.0.0.7")
    assert {name: ok for name, (ok, _text) in found.items()} == dict.fromkeys(
        (StepName.SOURCE, StepName.NAME, StepName.REVERSE), True
    )


def test_an_ipv4_source_address_reaches_no_ipv6_server_and_tries_the_others(receivers: StartReceiver) -> None:
    server = receivers()
    both = open_and_send(server, addresses=("::1", "127.0.0.1"), source_address="127.0.0.5")
    assert not isinstance(both, Reply)
    assert both.address == "127.0.0.1"
    only = open_and_send(server, addresses=("::1",), source_address="127.0.0.5")
    assert isinstance(only, Reply)
    assert only.synthetic == Fault.NETWORK_UNREACHABLE
