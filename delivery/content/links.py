"""Numbered links: which addresses of a letter are followed, and how they are written down.

A link whose address holds a variable is sent as it is and not followed: a redirect leads to frozen
addresses only, so that nobody's data can make it lead elsewhere (security.md T6), and it works for
ever, when the person and their data are gone.
"""

from __future__ import annotations

import enum
import html as htmllib
import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from .pieces import split
from .protect import Protected
from .slots import CLICK
from .source import Part, TemplateProblem, gettext_noop

_ELEMENT = re.compile(r"<(?:a|area|v:[a-z]+)\b[^<>]*>", re.IGNORECASE)
_HREF = re.compile(r"""(\shref=)("[^"]*"|'[^']*')""", re.IGNORECASE)
_NO_TRACK = re.compile(r"""\sdata-no-track(?:=(?:"[^"]*"|'[^']*'|[^\s>]*))?""", re.IGNORECASE)
# ASCII only: in Japanese the sentence goes on behind an address without a space.
TEXT_URL = re.compile(r"https?://[!#-&(-;=?-\[\]_a-z~]+", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_DANGEROUS = ("javascript:", "data:", "vbscript:", "file:")
_KEPT = "!#$%&'()*+,/:;=?@[]~"


class Following(enum.StrEnum):
    """Whether clicks on a link are counted, or why not."""

    FOLLOWED = "followed"
    VARIABLE = "variable"  # its address holds a variable
    OPTED_OUT = "opted_out"  # marked data-no-track
    PERSONAL = "personal"  # unsubscribe, preferences, view in browser
    NOT_WEB = "not_web"  # mailto, tel, an anchor, a relative address


@dataclass
class Links:
    """The followed addresses by number, each once."""

    urls: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)

    def slot(self, url: str, text: str) -> str:
        if url not in self.urls:
            self.urls.append(url)
            self.texts.append(text[:200])
        number = self.urls.index(url)
        self.texts[number] = self.texts[number] or text[:200]
        return f"{CLICK}{number}"


def following(address: str, *, tags: list[str], opted_out: bool) -> Following:
    """`tags` are the Jinja2 tags in the address."""
    if any(tag.strip("{ }-") in ("unsubscribe_url", "preferences_url", "view_url") for tag in tags):
        return Following.PERSONAL
    if tags:
        return Following.VARIABLE
    if normal(address) is None:
        return Following.NOT_WEB
    return Following.OPTED_OUT if opted_out else Following.FOLLOWED


def number_html(protected: Protected, html: str, links: Links) -> str:
    """The inlined, still protected HTML with slots for its followed links. Raises TemplateProblem."""

    def element(match: re.Match[str]) -> str:
        href = _HREF.search(match[0])
        if not href:
            return match[0]
        address = htmllib.unescape(href[2][1:-1]).strip()
        refuse_dangerous(address)
        tags = protected.tags_in(address)
        kept = _NO_TRACK.sub("", match[0])
        url = normal(address) or ""
        fate = following(address, tags=tags, opted_out=kept != match[0])
        if fate is not Following.FOLLOWED:
            links.opted_out |= {url} if fate is Following.OPTED_OUT else set()
            return kept
        slot = links.slot(url, _text_behind(protected, html, match.end()))
        return _HREF.sub(lambda found: f'{found[1]}"{slot}"', kept, count=1)

    return _ELEMENT.sub(element, html)


def number_text(source: str, links: Links) -> str:
    """The text template with slots for the addresses in it."""
    pieces = split(Part.TEXT, source)
    parts = []
    for at, piece in enumerate(pieces):
        touches = at + 1 < len(pieces) and pieces[at + 1].prints
        parts.append(piece.text if piece.is_tag else _numbered(piece.text, links, touches=touches))
    return "".join(parts)


def _numbered(text: str, links: Links, *, touches: bool) -> str:
    """`touches`: a variable follows, so an address at the very end goes on in it and is left alone."""

    def replaced(match: re.Match[str]) -> str:
        address = trimmed(match[0])
        url = normal(address)
        if url is None or url in links.opted_out or (touches and match.end() == len(text)):
            return match[0]
        return links.slot(url, "") + match[0][len(address) :]

    return TEXT_URL.sub(replaced, text)


def trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it."""
    address = address.rstrip(".,;:!?")
    while address.endswith(")") and address.count(")") > address.count("("):
        address = address[:-1].rstrip(".,;:!?")
    return address


def normal(address: str) -> str | None:
    """An absolute web address in ASCII, its host as an A-label, without braces; None for anything else."""
    address = "".join(address.split())
    if address.startswith("//"):
        address = "https:" + address
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        if parts.scheme.lower() not in ("http", "https") or not host or parts.username or parts.password:
            return None
        if not host.isascii() or "%" in host:
            host = _unquoted(host).encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    host = f"[{host}]" if ":" in host else host
    path, query, fragment = (quote(part, safe=_KEPT) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme.lower(), host + port, path, query, fragment))


def refuse_dangerous(address: str) -> None:
    if "".join(address.lower().split()).startswith(_DANGEROUS):
        message = gettext_noop("A link cannot lead to “%(address)s”: only web, mail and phone addresses.")
        raise TemplateProblem(Part.HTML, 0, 0, message, address=address[:60])


def _unquoted(host: str) -> str:
    return _PERCENT.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode(), host)


def _text_behind(protected: Protected, html: str, at: int) -> str:
    """The words of the link whose start tag ends at `at`, or its picture's alt text."""
    inner = html[at : at + 4000].partition("</a>")[0]
    words = htmllib.unescape(_TAGS.sub(" ", protected.pattern.sub("…", inner)))
    alt = re.search(r'\salt="([^"]*)"', inner)
    return " ".join(words.split()) or (htmllib.unescape(alt[1]) if alt else "")
