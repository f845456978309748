"""Takes a message apart, whatever its state: truncated, nested, without end, in unknown charsets (RFC 2045–2047, 2231).

Bounded: octets, headers, parts and depth beyond the limits are left out. Newlines are made equal first, so that a
message says the same with LF, CRLF and bare CR. Messages within a message stay shut: what somebody forwards or quotes
is not what came back to us.
"""

from __future__ import annotations

import binascii
import html
import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote_to_bytes

MESSAGE_LIMIT = 16 << 20  # octets of a message that are looked at
TEXT_LIMIT = 256 << 10  # octets of one part that are read
HEAD_LIMIT = 128 << 10  # octets of one header block
VALUE_LIMIT = 8192  # characters of one header field
FIELDS = 500  # fields of one header block
PARTS = 64  # parts of one multipart
ALL_PARTS = 256  # parts of a whole message
DEPTH = 8

# Only real charsets: Python also knows codecs that are slow or warn (punycode, unicode_escape).
_CHARSET = re.compile(
    r"(utf-?(8|16(-?[lb]e)?)|(us-)?ascii|(iso-?|latin-?|windows-|cp|koi8-|mac)[\w-]{1,12}|(euc|shift)[-_]?\w{1,5}"
    r"|s-?jis|gb\w{1,6}|big5\w{0,6}|tis-620)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"([!-9;-~]{1,80})[ \t]{0,8}:[ \t]*(.*)", re.DOTALL)
_PARAM = re.compile(
    r';\s{0,99}([\w-]{1,40}(?:\*\d{0,2}\*?)?)\s{0,99}=\s{0,99}(?:"((?:[^"\\]|\\.){0,998})"?|([^\s;"]{1,998}))'
)
_WORD = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,20})?\?([bqBQ])\?([^?\n]{0,900})\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)[ \t\n]{1,80}(?==\?)")
_CONTENT = re.compile(rb"\n[Cc]ontent-")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")

# What HTML does not show, from mark to mark.
_HIDDEN = ("<script", "</script>"), ("<style", "</style>"), ("<title", "</title>"), ("<!--", "-->")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/h\d|/li|/table|hr|p|div|tr|li|pre|/pre)\b[^<>]{0,999}>\n?", re.IGNORECASE)
_INDENT = re.compile(r"(?m)^[ \t]{9,}")
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_TAG = re.compile(r"</?[a-zA-Z!][^<>@]{0,2000}>")


@dataclass(frozen=True)
class Entity:
    """A message or a part of one. `fields` are (lower-case name, unfolded value) in order."""

    fields: tuple[tuple[str, str], ...]
    type: str  # "text/plain", lower case
    params: dict[str, str] = field(default_factory=dict)
    body: bytes = b""  # of a leaf, as it was sent; newlines are LF
    parts: tuple[Entity, ...] = ()

    def get(self, name: str) -> str:
        """The first field of that name as people see it (RFC 2047 decoded), or ""."""
        return next((words(value) for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        return [words(value) for key, value in self.fields if key == name]

    @property
    def octets(self) -> bytes:
        """The body of a leaf, its transfer encoding undone."""
        return _transfer(self.body, self.get("content-transfer-encoding"))

    @cached_property
    def text(self) -> str:
        """The body of a leaf as text."""
        return charset(self.octets, self.params.get("charset", ""))

    def leaves(self) -> list[Entity]:
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]


@dataclass
class _Left:
    """How many parts the whole message may still have, and the octets of each leaf."""

    parts: int
    leaf: int


def parse(raw: bytes, *, leaf_limit: int = TEXT_LIMIT) -> Entity:
    """The structure of a whole message. Never fails. Of each leaf so many octets are kept, as they were sent."""
    raw = raw[:MESSAGE_LIMIT].replace(b"\0", b"")
    for newline in (b"\r\r\n", b"\r\n", b"\r"):
        raw = raw.replace(newline, b"\n")
    raw = raw.lstrip(b"\n \t\xef\xbb\xbf")
    if raw.startswith((b"From ", b">From ")):  # of an mbox
        raw = raw.partition(b"\n")[2]
    return _entity(raw, DEPTH, _Left(ALL_PARTS, leaf_limit))


def head(text: str) -> tuple[tuple[str, str], ...]:
    """The fields of a header block: lower-case names, unfolded values. Lines that are no field are passed over."""
    found: list[tuple[str, str]] = []
    for line in _unfolded(text[:HEAD_LIMIT]):
        match = _FIELD.match(line)
        if match:
            found.append((match[1].lower(), match[2].strip()))
        if len(found) >= FIELDS:
            break
    return tuple(found)


def _unfolded(text: str) -> list[str]:
    lines: list[list[str]] = []
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(line.strip())
        else:
            lines.append([line.rstrip()])
    return [" ".join(parts)[:VALUE_LIMIT] for parts in lines]


def _entity(raw: bytes, depth: int, left: _Left, default: str = "text/plain") -> Entity:
    top, _, body = (b"", b"", raw[1:]) if raw.startswith(b"\n") else raw.partition(b"\n\n")
    fields = head(top[:HEAD_LIMIT].decode("utf-8", "replace"))
    content = next((value for name, value in fields if name == "content-type"), "")
    kind = content.partition(";")[0].strip().lower() or default
    params = parameters(content)
    if kind.startswith("multipart/") and depth:
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        parts = _parts(_split(body, params.get("boundary", "")), depth - 1, left, inner)
        if parts:
            return Entity(fields, kind, params, parts=parts)
        kind = "text/plain"
    return Entity(fields, kind, params, body[: left.leaf])


def _parts(pieces: list[bytes], depth: int, left: _Left, default: str) -> tuple[Entity, ...]:
    parts = []
    for piece in pieces:
        if left.parts <= 0:
            break
        left.parts -= 1
        parts.append(_entity(piece, depth, left, default))
    return tuple(parts)


def _split(body: bytes, boundary: str) -> list[bytes]:
    """The parts between boundary lines; the last one may have no end. A boundary that does not occur is guessed."""
    marks = _marks(body, boundary.strip().encode("utf-8", "replace")) or _marks(body, _guessed(body))
    parts: list[bytes] = []
    for number, (_, end, last) in enumerate(marks):
        if last:
            break
        after = marks[number + 1][0] if number + 1 < len(marks) else len(body)
        parts.append(body[end:after])
    return parts[:PARTS]


def _marks(body: bytes, boundary: bytes) -> list[tuple[int, int, bool]]:
    """Where each boundary line begins and the next line does, and whether it is the closing one."""
    found: list[tuple[int, int, bool]] = []
    line = b"--" + boundary
    at = body.find(line) if boundary else -1
    while at >= 0 and len(found) <= PARTS:
        end = body.find(b"\n", at)
        end = len(body) if end < 0 else end
        rest = body[at + len(line) : min(end, at + len(line) + 200)].strip()
        if rest in (b"", b"--") and (at == 0 or body[at - 1] == 10):  # a line of its own
            found.append((at, end + 1, rest == b"--"))
        at = body.find(line, end)
    return found


def _guessed(body: bytes) -> bytes:
    """What stands before the first fields of a part."""
    for match, _ in zip(_CONTENT.finditer(body), range(20), strict=False):
        line = body[max(body.rfind(b"\n", 0, match.start()), match.start() - 200) + 1 : match.start()]
        if line.startswith(b"--") and line.strip(b"- "):
            return line[2:].strip()
    return b""


def parameters(value: str) -> dict[str, str]:
    """The parameters of a Content-Type or the like, pieces joined and decoded (RFC 2231)."""
    found: dict[str, str] = {}
    for match in _PARAM.finditer(";" + value.partition(";")[2]):
        name, star, piece = match[1].lower().partition("*")
        text = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        if star and (piece.endswith("*") or not piece):
            text = _extended(text)
        found[name] = found.get(name, "") + text if star else found.get(name) or text
    return found


def _extended(text: str) -> str:
    name, quote, rest = text.partition("'")
    encoded = rest.partition("'")[2] if quote else text
    return charset(unquote_to_bytes(encoded), name if quote else "")


def words(value: str) -> str:
    """RFC 2047's encoded words made readable."""
    if "=?" not in value:
        return value
    return _WORD.sub(_word, _BETWEEN_WORDS.sub("", value))


def _word(match: re.Match[str]) -> str:
    raw = match[3].encode("utf-8", "replace")
    octets = _base64(raw) if match[2] in "bB" else binascii.a2b_qp(raw, header=True)
    return charset(octets, match[1])


def _transfer(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding.startswith("base64"):
        return _base64(body)
    return binascii.a2b_qp(body) if encoding.startswith("quoted-printable") else body


def _base64(body: bytes) -> bytes:
    letters = _NOT_BASE64.sub(b"", body)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def charset(octets: bytes, name: str) -> str:
    """Text in the charset named, else in UTF-8; what fits neither stays visible as U+FFFD."""
    if b"\x1b$" in octets and not name.lower().startswith("iso-2022"):
        name = "iso-2022-jp"  # many Japanese carriers do not say so
    try:
        text = octets.decode(name if _CHARSET.fullmatch(name) else "utf-8")
    except (LookupError, ValueError):
        text = octets.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def plain(markup: str) -> str:
    """The words of an HTML text, a line for each of its lines and blocks; deep indents and empty lines cut short."""
    text = markup[:TEXT_LIMIT]
    for start, end in _HIDDEN:
        text = _without(text, start, end)
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text))).replace("\xa0", " ")
    return _EMPTY_LINES.sub("\n\n", _INDENT.sub("        ", text))


def _without(text: str, start: str, end: str) -> str:
    """The text less what is between the marks, whatever their case; without the end mark, all that follows."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow in lower case
        text = lower
    kept, at = [], 0
    while (begin := lower.find(start, at)) >= 0:
        kept.append(text[at:begin])
        closed = lower.find(end, begin)
        if closed < 0:
            return " ".join(kept)
        at = closed + len(end)
    return " ".join([*kept, text[at:]])
