"""MIME's encodings, written so that most of the work is done once a mailing (RFC 2045, RFC 2047).

Everything made here is ASCII and ends its lines with CRLF. binascii.b2a_qp is not used: without a CRLF in
its input it writes bare LFs, and it takes five times as long as base64.
"""

from __future__ import annotations

import binascii
import enum
import functools
import re
from typing import Any

from markupsafe import escape

LINE = 76  # characters of a line of an encoded body (RFC 2045, 6.7 and 6.8)
SOFT_BREAK = "=\r\n"
_SHORT = 40  # a value up to this long follows a chunk on its line
_ROOM = LINE - 1 - _SHORT  # so a chunk that a value follows ends here at the latest

_UNSAFE = re.compile(r"[^\x21-\x3c\x3e-\x7e ]|(?<= ) | \Z")
_SAFE = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")
_SAFE_HTML = re.compile(r"[!#-%(-;?-~]+(?: [!#-%(-;?-~]+)*")  # neither encoded nor escaped
_NEWLINES = re.compile(r"\r\n|\r|\n")


class Encoding(enum.StrEnum):
    """How a part travels; both are 7-bit safe."""

    QUOTED_PRINTABLE = "quoted-printable"  # text that is mostly ASCII
    BASE64 = "base64"


def suited_to(text: str) -> Encoding:
    """The shorter and cheaper one: beyond 30 % of other octets, quoted-printable is a third longer than base64."""
    octets = len(text.encode())
    others = octets - sum(1 for letter in text if letter < "\x80")
    return Encoding.BASE64 if others > 0.3 * octets else Encoding.QUOTED_PRINTABLE


def base64_body(text: str) -> str:
    """A whole body in base64. NUL, which no text needs and mail servers refuse, is left out."""
    octets = _NEWLINES.sub("\r\n", text).replace("\0", "").encode("utf-8", "replace")
    encoded = binascii.b2a_base64(octets, newline=False).decode("ascii")
    return "\r\n".join([encoded[at : at + LINE] for at in range(0, len(encoded), LINE)])


def qp_static(text: str) -> str:
    """A piece of quoted-printable that may follow anything and be followed by a short value.

    It begins on a line of its own, by a soft break, and leaves room at its end. A second space of a run is
    encoded, so that DKIM's relaxed form of the body is the body itself.
    """
    lines = _NEWLINES.sub("\n", text).split("\n")
    encoded = "\r\n".join([_folded(_escaped(line)) for line in lines])
    lead = "" if encoded.startswith("\r\n") else SOFT_BREAK
    column = len(encoded) - encoded.rfind("\n") - 1
    return lead + encoded + (SOFT_BREAK if column > _ROOM else "")


def qp_text(value: object) -> str:
    """One person's value behind a static piece of text: nearly always short and plain, then it is left as it is."""
    text = value if type(value) is str else str(value)
    if len(text) <= _SHORT and text.isascii() and (text.isalnum() or not text or _SAFE.fullmatch(text)):
        return text
    return qp_alone(text)


def qp_html(value: Any) -> str:
    """The same in HTML: escaped unless it is HTML already, which most values need not be either."""
    short = type(value) is str and len(value) <= _SHORT and value.isascii()
    if short and (value.isalnum() or not value or _SAFE_HTML.fullmatch(value)):
        return str(value)
    return qp_text(str(escape(value)))


def qp_html_alone(value: object) -> str:
    """A value in HTML that does not stand behind a static piece."""
    return qp_alone(str(escape(value)))


def qp_alone(value: object) -> str:
    """A value that begins a line of its own, behind a soft break."""
    text = str(value)
    if text.isascii() and _SAFE.fullmatch(text):
        return SOFT_BREAK + _cut(text)
    lines = _NEWLINES.sub("\n", text).split("\n")
    return SOFT_BREAK + "\r\n".join([_folded(_escaped(line)) for line in lines])


def _cut(plain: str) -> str:
    return plain if len(plain) < LINE else SOFT_BREAK.join([plain[at : at + 75] for at in range(0, len(plain), 75)])


def _escaped(line: str) -> str:
    return _UNSAFE.sub(_octets, line)


def _octets(match: re.Match[str]) -> str:
    letter = match[0]
    return "" if letter == "\0" else "".join([f"={octet:02X}" for octet in letter.encode("utf-8", "replace")])


def _folded(line: str) -> str:
    """Soft breaks so that no line is longer than 76 even if one follows, none of them inside an =XX."""
    pieces = []
    at = 0
    while len(line) - at >= LINE:
        cut = at + LINE - 1
        if line[cut - 1] == "=":
            cut -= 1
        elif line[cut - 2] == "=":
            cut -= 2
        pieces.append(line[at:cut])
        at = cut
    pieces.append(line[at:])
    return SOFT_BREAK.join(pieces)


@functools.lru_cache(maxsize=1024)
def header_text(name: str, text: str) -> str:
    """An unstructured value (Subject), folded: plain where it can be, else encoded-words of at most 75.

    `text` holds no control characters; the first line leaves room for the header's name.
    """
    used = len(name) + 2
    if text.isascii() and "=?" not in text:
        if used + len(text) <= LINE:
            return text
        words = text.split(" ")
        if all(0 < len(word) < 60 for word in words):
            return _wrapped(words, used)
    return encoded_words(text, used)


def encoded_words(text: str, used: int) -> str:
    """The text as base64 encoded-words, never splitting a character; `used` octets of the first line are taken."""
    words = []
    room = (LINE - used - 12) // 4 * 3
    octets = b""
    for letter in text:
        more = letter.encode("utf-8", "replace")
        if octets and len(octets) + len(more) > room:
            words.append(_word(octets))
            octets, room = b"", 45
        octets += more
    words.append(_word(octets))
    return "\r\n ".join(words)


def _word(octets: bytes) -> str:
    return f"=?utf-8?B?{binascii.b2a_base64(octets, newline=False).decode('ascii')}?="


def _wrapped(words: list[str], used: int) -> str:
    lines = [words[0]]
    for word in words[1:]:
        taken = len(lines[-1]) + (used if len(lines) == 1 else 1)
        if taken + 1 + len(word) <= LINE:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return "\r\n ".join(lines)
