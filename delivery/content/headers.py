"""Header fields of a message: checked, encoded, folded (RFC 5322, RFC 2047). Every value is one line in, folded out."""

from __future__ import annotations

import re
import time

from .mime import LINE, encoded_words

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class BadHeader(ValueError):
    """A value that would break the header: it holds a control character, or is no address."""


def clean(name: str, value: str) -> str:
    """The value itself. Raises BadHeader for CR, LF, NUL and all other controls (security.md T3)."""
    if CONTROL.search(value):
        raise BadHeader(f"{name} holds a control character")
    return value


def one_line(name: str, value: str) -> str:
    """A rendered value whose template may be written over several lines: white space becomes single spaces."""
    return clean(name, " ".join(value.split()))


def mailbox(name: str, display: str, address: str) -> str:
    """`"Shop" <news@example.com>`, folded. Raises BadHeader."""
    spec = addr_spec(name, address)
    shown = clean(name, display).strip()
    if not shown:
        return spec
    used = len(name) + 2
    if not shown.isascii() or "=?" in shown:
        phrase = encoded_words(shown, used)
    elif _ATOMS.fullmatch(shown):
        phrase = shown
    else:
        phrase = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    last = len(phrase) - (phrase.rfind("\n") + 1) + (0 if "\n" in phrase else used)
    space = " " if last + len(spec) + 3 <= LINE else "\r\n "
    return f"{phrase}{space}<{spec}>"


def addr_spec(name: str, address: str) -> str:
    """The address as a header has it; a local part outside RFC 5322 (`a..b`) is quoted, which changes nothing in it."""
    local, at, domain = clean(name, address).rpartition("@")
    if not at or not local or not domain or any(letter in domain for letter in ' <>",;:()[]\\'):
        raise BadHeader(f"{name} is no address")
    if _DOT_ATOM.fullmatch(local) or (len(local) > 2 and local[0] == local[-1] == '"'):
        return address
    quoted = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"@{domain}'


def rfc_date(second: int) -> str:
    """`Tue, 24 Nov 2026 09:00:00 +0000`, whatever the locale."""
    at = time.gmtime(second)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04}"
        f" {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
    )
