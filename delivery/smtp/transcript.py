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
    note: str = ""  # our own remark on the connection

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; `from_json` reads it back. Of a delivered message {"host": …} alone is enough."""
        kept = {
            "host": self.host, "address": self.address, "port": self.port, "tls": self.tls,
            "ehlo": self.ehlo_name, "earlier": self.earlier, "octets": self.octets,
        }  # fmt: skip
        if self.note:
            kept["note"] = self.note
        if self.milestones:
            kept["said"] = [[round(m.seconds, 3), m.phase.value, m.text] for m in self.milestones]
        return kept

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Transcript:
        """What `as_json` wrote, or as much of it as there is."""
        said = tuple(Milestone(seconds, Phase(phase), text) for seconds, phase, text in kept.get("said", ()))
        return cls(
            kept.get("host", ""), kept.get("address", ""), kept.get("port", 0), kept.get("tls", ""),
            kept.get("ehlo", ""), kept.get("earlier", 0), kept.get("octets", 0), said,
            kept.get("note", ""),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the dialogue as the page shows it: seconds | S or C | line. `who` is "" for a remark."""

    seconds: float | None  # None: not kept
    who: str
    text: str


def dialogue(mail_from: str, rcpt_to: str, transcript: Transcript, final: str = "") -> list[Line]:
    """The dialogue of one message in order. What we said stands at the second at which it was answered.

    `final` is the reply to the dot of a delivered message, whose other replies are not kept: then what we
    said stands alone before it, at no second.
    """
    said = _ours(mail_from, rcpt_to, transcript)
    lines = _about(transcript)
    if final and not transcript.milestones:
        steps = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)
        lines += [Line(None, "C", text) for step in steps for text in said[step].split("\n")]
        return lines + _theirs(None, final)
    asked = 0.0
    for milestone in transcript.milestones:
        if milestone.phase in said:
            lines += [Line(asked, "C", text) for text in said[milestone.phase].split("\n")]
        lines += _theirs(milestone.seconds, milestone.text)
        asked = milestone.seconds
    return lines


def _about(transcript: Transcript) -> list[Line]:
    port = f":{transcript.port}" if transcript.port else ""
    where = f"{transcript.host}{port}" + (f" [{transcript.address}]" if transcript.address else "")
    return [Line(None, "", text) for text in (where, transcript.tls, transcript.note) if text]


def _ours(mail_from: str, rcpt_to: str, transcript: Transcript) -> dict[Phase, str]:
    return {
        Phase.MAIL: f"MAIL FROM:<{mail_from}>",
        Phase.RCPT: f"RCPT TO:<{rcpt_to}>",
        Phase.DATA: "DATA",
        Phase.DOT: (f"({transcript.octets} octets)\n" if transcript.octets else "") + ".",
    }


def _theirs(seconds: float | None, reply: str) -> list[Line]:
    """A reply of several lines as it stood on the wire."""
    code, _, text = reply.partition(" ")
    parts = text.split("\n")
    texts = [f"{code}-{part}" for part in parts[:-1]] + [f"{code} {parts[-1]}".rstrip()]
    return [Line(seconds, "S", text) for text in texts]
