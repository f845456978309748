"""What the sandbox receiver answers: it stands in the local part of the recipient. Pure.

bounce+5.1.1 → 550 5.1.1, for good · defer+4.7.0 → 451 4.7.0 once, then 250 · slow → 250 after 5 s ·
drop → the connection closes after the dot · anything else 250. What follows the code after a dot, plus or
hyphen tells addresses apart: bounce+5.1.1.03@example.net.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

SLOW_SECONDS = 5.0

_CODED = re.compile(r"(bounce|defer)\+([45]\.\d{1,3}\.\d{1,3})(?:[.+\-].*)?", re.IGNORECASE)
_PLAIN = re.compile(r"(slow|drop)(?:[\d.+\-].*)?", re.IGNORECASE)


class Deed(enum.StrEnum):
    """What happens to a message."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # at RCPT, whenever it comes
    DEFER = "defer"  # at RCPT, the first time
    SLOW = "slow"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Answer:
    """The deed, and the reply where RCPT is refused."""

    deed: Deed
    reply: str = ""


# As servers say it, so that the report has something to explain. The default is for the rest.
_WORDS = {
    "5.1.1": "550 5.1.1 The email account that you tried to reach does not exist",
    "5.1.2": "550 5.1.2 Host or domain name not found",
    "5.1.10": "556 5.1.10 Recipient domain takes no mail (null MX)",
    "5.2.1": "550 5.2.1 The email account that you tried to reach is disabled",
    "5.2.2": "552 5.2.2 The recipient's mailbox is full",
    "5.3.4": "552 5.3.4 Message size exceeds fixed limit",
    "5.7.1": "554 5.7.1 Message refused",
    "5.7.26": "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy",
    "4.2.2": "452 4.2.2 The recipient's mailbox is full",
    "4.3.2": "451 4.3.2 System busy, try again later",
    "4.7.0": "451 4.7.0 Temporarily deferred, try again later",
    "4.7.1": "451 4.7.1 Greylisted, please try again later",
}


def answer(rcpt: str) -> Answer:
    """What the address asks for."""
    local = rcpt.rpartition("@")[0]
    coded = _CODED.fullmatch(local)
    if coded:
        reply = (
            _WORDS.get(coded[2]) or f"{'550' if coded[2][0] == '5' else '451'} {coded[2]} Refused, as this address asks"
        )
        if coded[1].lower() == "bounce":
            return Answer(Deed.REFUSE, reply)
        return Answer(Deed.DEFER, reply) if reply.startswith("4") else Answer(Deed.ACCEPT)
    plain = _PLAIN.fullmatch(local)
    return Answer(Deed(plain[1].lower())) if plain else Answer(Deed.ACCEPT)
