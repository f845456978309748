"""What a mail server answered: values only, no sockets (RFC 5321, 4.2; RFC 3463; RFC 2034)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

TEXT_LIMIT = 2048  # characters kept of a reply's text: replies are hostile input

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$|[^\d.])")


class Phase(enum.StrEnum):
    """Where in the dialogue a reply came."""

    DNS = "dns"  # before any connection: the domain's MX was looked up
    CONNECT = "connect"  # TCP and the banner
    TLS = "tls"
    HELO = "helo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"  # after the final dot
    DSN = "dsn"  # a later report


@dataclass(frozen=True, slots=True)
class EnhancedStatus:
    """class.subject.detail of RFC 3463."""

    klass: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"

    @classmethod
    def find(cls, text: str) -> EnhancedStatus | None:
        """The enhanced code at the start of `text`, or None. "5.1" alone is no code (CVE-2026-43964)."""
        match = _ENHANCED.match(text)
        return cls(*map(int, match.groups())) if match else None


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply, multi-line texts joined by newlines, at most TEXT_LIMIT characters.

    `code` is 200–599. Failures without a reply (no route, time-out, TLS) are replies of our
    own making: a 4yz code with `synthetic` naming the local cause, such as "connect_refused".
    """

    code: int
    text: str = ""
    status: EnhancedStatus | None = None
    phase: Phase = Phase.DOT
    synthetic: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return 500 <= self.code < 600

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()
