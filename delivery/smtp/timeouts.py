"""How long to wait (RFC 5321, 4.5.3.2), one deadline per command, never per byte."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. A shorter wait after the dot makes duplicates: the server may still accept."""

    connect: float = 30.0  # per address; a filtered port would else cost minutes
    banner: float = 300.0
    hello: float = 300.0  # EHLO, STARTTLS with its handshake, AUTH
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # without progress while the message is being written
    dot: float = 600.0
    quit: float = 5.0  # politeness, not in the RFC

    def scaled(self, factor: float) -> Timeouts:
        """All of them times `factor`: tests run the same clock faster."""
        return Timeouts(**{f.name: getattr(self, f.name) * factor for f in fields(self)})
