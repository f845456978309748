"""Direct delivery to several sites: what is wrong at one, or in the DNS, is nobody else's matter."""

from __future__ import annotations

from typing import Any

import trustme

from delivery.models import Message, MessageState
from tests.faults.scenes import CALM, ILL, PEOPLE, WELL, certificate, folder
from tests.faults.stand import Stand
from tests.servers.dns import Records

PHASES = ("banner", "ehlo", "mail", "rcpt", "data")


def silent(stand: Stand) -> int:
    """Each of five sites falls silent at another phase. The well one has got everything before any of them has."""
    for phase, receiver in zip(PHASES, stand.scene.receivers[1:], strict=True):
        receiver.answer(**{phase: {"*": "SILENT"} if phase == "rcpt" else "SILENT"})
    stand.until(lambda: stand.accepted() >= WELL)
    assert all(receiver.stats()["accepted"] == 0 for receiver in stand.scene.receivers[1:])
    assert not stand.ended()
    for receiver in stand.scene.receivers[1:]:
        receiver.answer(**CALM)
    stand.drain()
    _everybody_has_it(stand)
    return 0


def broken_tls(stand: Stand) -> int:
    """Opportunistic: refused, cut, garbage, too old, expired certificate: better in clear than not at all."""
    authority, where = trustme.CA(), folder()
    good, ended = (certificate(authority, where, ended=old) for old in (False, True))
    answers: list[dict[str, Any]] = [
        {"starttls": "454 4.7.0 TLS not available"}, {"starttls": "DROP"}, {"starttls": r"RAW 220 Go\r\n\x00\x01"},
        {"newest_tls": "1.1"}, {"cert": ended},
    ]  # fmt: skip
    for answer, receiver in zip(answers, stand.scene.receivers[1:], strict=True):
        receiver.answer(**{"tls": "starttls", "cert": good} | answer)
    stand.drain()
    _everybody_has_it(stand)
    return 0


def broken_dns(stand: Stand) -> int:
    """SERVFAIL, silence, NXDOMAIN, a null MX, 51 MX. Who may get it later waits at no cost; who cannot has failed."""
    names = stand.scene.names
    assert names
    domains = [stand.domain(site) for site in range(1, 6)]
    right = [names.zone[domain] for domain in domains]
    wrong: list[Records] = [
        "SERVFAIL", "TIMEOUT", "NXDOMAIN", {"MX": ["0 ."]}, {"MX": [f"{n} mx.{domains[4]}" for n in range(51)]},
    ]  # fmt: skip
    for domain, records in zip(domains, wrong, strict=True):
        names.set(domain, records)
    stand.worker.kill()  # what it has asked already it knows
    stand.worker = stand.scene.worker()
    stand.until(lambda: stand.accepted() >= WELL and len(stand.people_in(MessageState.FAILED)) >= 2 * ILL)
    assert not stand.ended()
    for domain, records in zip(domains, right, strict=True):
        names.set(domain, records)
    stand.worker.terminate()
    stand.worker = stand.scene.worker()
    stand.drain()
    failed = {address for address in stand.scene.addresses if address.endswith((domains[2], domains[3]))}
    assert stand.people_in(MessageState.FAILED) == failed
    assert stand.people_in(MessageState.DELIVERED) == set(stand.scene.addresses) - failed
    tries = set(Message.objects.filter(mailing=stand.mailing).values_list("attempts", flat=True))
    assert tries == {1}, f"the DNS cost tries: {tries}"
    return 0


def _everybody_has_it(stand: Stand) -> None:
    assert len(stand.people_in(MessageState.DELIVERED)) == PEOPLE, "not everybody has got it"
