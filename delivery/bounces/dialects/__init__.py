"""How programs that write no machine-readable report say that mail did not arrive: one module a family.

Each has `read(letter) -> list[Notice]`, empty where the text is none of its own. The order matters where one family
took over another's words: the more telling first, prose last.
"""

from __future__ import annotations

from collections.abc import Callable

from delivery.bounces.dialects import (
    amazon,
    carriers,
    daemons,
    domino,
    exchange,
    exim,
    gateways,
    google,
    messaging_server,
    prose,
    qmail,
    sections,
)
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_KNOWN: tuple[Callable[[Letter], list[Notice]], ...] = (
    messaging_server.read,
    exchange.read,
    google.read,
    domino.read,
    carriers.read,
    exim.read,
    daemons.read,
    sections.read,
    qmail.read,
    gateways.read,
)


def known(letter: Letter) -> list[Notice]:
    """What a report in a known dialect says; [] where none fits."""
    return next(filter(None, (read(letter) for read in _KNOWN)), [])


def unknown(letter: Letter) -> list[Notice]:
    """What can be made out of any other text; [] where it reports no failure."""
    return prose.read(letter)


def notification(letter: Letter) -> list[Notice]:
    """What a notification of SES says, which comes from no mailer-daemon; [] where it is none."""
    return amazon.read(letter)
