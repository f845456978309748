"""What a mail server answered: values only, no sockets (RFC 5321, 4.2; RFC 3463; RFC 2034)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache

TEXT_LIMIT = 2048  # characters kept of a reply's text: replies are hostile input
LINE_LIMIT = 4096  # octets of one line; RFC 5321 allows 512, generous servers write more
REPLY_LIMIT = 65_536  # octets of one whole reply; beyond it the server is broken or hostile

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$|[^\d.])")
_ONE_LINE = re.compile(rb"([2-5]\d\d) [^\n]{0,1000}\n")  # nearly every reply; the rest goes the long way
_LAST_LINE = re.compile(rb"[2-5]\d\d ([\x20-\x7e]{0,1000})\r\n")


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
        return _status(match[0]) if match else None


@lru_cache(maxsize=1024)
def _status(code: str) -> EnhancedStatus:
    return EnhancedStatus(*map(int, code.split(".")))


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply, multi-line texts joined by newlines, at most TEXT_LIMIT characters.

    `code` is 200–599, or 0 in a report that tells none. Failures without a reply (no route, time-out, TLS) are replies
    of our own making: `synthetic` is a `Fault` such as "connect_refused", the code what a server would have said (4yz,
    or 5yz where no later try can help: null MX, too large, unusable address).
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
        return f"{self.code} {self.text}".rstrip() if self.code else self.text


class ProtocolError(ValueError):
    """What came is not an SMTP reply (RFC 5321, 4.2), or is one without end."""


def scan(buffer: bytes | bytearray, start: int = 0) -> tuple[int, int]:
    """The first whole reply in `buffer` from `start` on: its code and the index after it.

    (0, start) while the reply is not complete. Raises ProtocolError for anything that can no
    longer become a reply. Pure and incremental: call again with more bytes behind.
    """
    match = _ONE_LINE.match(buffer, start)
    if match:
        return int(match[1]), match.end()
    code, at = 0, start
    while True:
        end = buffer.find(b"\n", at)
        if end < 0:
            _limit(len(buffer) - at, len(buffer) - start)
            return 0, start
        _limit(end - at, end - start)
        line_code = _code(bytes(buffer[at : at + 3]))
        if code and line_code != code:
            raise ProtocolError("the code changes within one reply")
        code, mark = line_code, bytes(buffer[at + 3 : at + 4])
        at = end + 1
        if mark in (b" ", b"\r", b"\n"):  # a bare code without text is allowed (4.2.1)
            return code, at
        if mark != b"-":
            raise ProtocolError("the code is followed by neither a space nor a hyphen")


def read(raw: bytes | bytearray, phase: Phase) -> Reply:
    """The reply whose whole bytes `scan` has found. Text that is not UTF-8 is kept readable."""
    match = _LAST_LINE.fullmatch(raw)
    if match:
        text = match[1].decode("ascii").strip()
        return Reply(int(raw[:3]), text, EnhancedStatus.find(text), phase)
    if len(raw) > TEXT_LIMIT * 4:
        raw = raw[: TEXT_LIMIT * 4]
    lines = bytes(raw).decode("utf-8", "backslashreplace").split("\n")
    text = "\n".join(line[4:].rstrip("\r") for line in lines[: len(lines) - 1 or 1])
    return Reply(int(raw[:3]), clean(text), EnhancedStatus.find(text), phase)


def clean(text: str) -> str:
    """Text that is safe to store and to show: no NUL (PostgreSQL refuses it), no control characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text[:TEXT_LIMIT])
    return text[:TEXT_LIMIT].strip()


def _code(digits: bytes) -> int:
    if not digits.isdigit() or not b"200" <= digits <= b"599":
        raise ProtocolError("no reply code between 200 and 599")
    return int(digits)


def _limit(line: int, reply: int) -> None:
    if line > LINE_LIMIT:
        raise ProtocolError(f"a reply line of more than {LINE_LIMIT} octets")
    if reply > REPLY_LIMIT:
        raise ProtocolError(f"a reply of more than {REPLY_LIMIT} octets")
