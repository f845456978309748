"""The SMTP dialogue of one attempt: what is kept of it, and how it is told again.

Of a delivered message the final reply and the host are kept. Of every other one a `Transcript`:
the milestones only, a few hundred octets as JSON. The lines that we wrote follow from the envelope,
so they are built again when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from delivery.smtp.replies import Phase


@dataclass(frozen=True, slots=True)
class Milestone:
    """One reply: the seconds after the first command of this message, where, and its text with the code."""

    seconds: float
    phase: Phase
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What happened between us and one host about one message."""

    host: str
    address: str = ""  # the IP address connected to
    port: int = 25
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", "" in clear
    ehlo_name: str = ""
    earlier: int = 0  # messages sent before on this connection
    octets: int = 0  # of the message written behind 354; 0 if none was
    milestones: tuple[Milestone, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; `from_json` reads it back."""
        return {
            "host": self.host, "address": self.address, "port": self.port, "tls": self.tls,
            "ehlo": self.ehlo_name, "earlier": self.earlier, "octets": self.octets,
            "said": [[round(m.seconds, 3), m.phase.value, m.text] for m in self.milestones],
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Transcript:
        """What `as_json` wrote."""
        said = tuple(Milestone(seconds, Phase(phase), text) for seconds, phase, text in kept["said"])
        return cls(
            kept["host"], kept["address"], kept["port"], kept["tls"],
            kept["ehlo"], kept["earlier"], kept["octets"], said,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the dialogue as the page shows it: seconds | S or C | line. `who` is "" for a remark."""

    seconds: float
    who: str
    text: str


def dialogue(mail_from: str, rcpt_to: str, transcript: Transcript) -> list[Line]:
    """The dialogue of one message in order. What we said stands at the second at which it was answered."""
    where = f"{transcript.host}:{transcript.port}" + (f" [{transcript.address}]" if transcript.address else "")
    lines = [Line(0.0, "", where)]
    if transcript.tls:
        lines.append(Line(0.0, "", transcript.tls))
    said = {
        Phase.HELO: f"EHLO {transcript.ehlo_name}",
        Phase.TLS: "STARTTLS",
        Phase.AUTH: "AUTH …",
        Phase.MAIL: f"MAIL FROM:<{mail_from}>",
        Phase.RCPT: f"RCPT TO:<{rcpt_to}>",
        Phase.DATA: "DATA",
        Phase.DOT: f"({transcript.octets} octets)\n.",
    }
    asked = 0.0
    for milestone in transcript.milestones:
        if milestone.phase in said:
            lines += [Line(asked, "C", text) for text in said[milestone.phase].split("\n")]
        code, _, text = milestone.text.partition(" ")
        said_back = text.split("\n")
        lines += [Line(milestone.seconds, "S", f"{code}-{part}") for part in said_back[:-1]]
        lines.append(Line(milestone.seconds, "S", f"{code} {said_back[-1]}".rstrip()))
        asked = milestone.seconds
    return lines
