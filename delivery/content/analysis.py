"""What the preflight wants to know about a letter: read from its source, with the lines that its author sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser

from . import links as linking
from .freeze import written_out
from .links import Following, normal
from .protect import Protected, protect, seen
from .sandbox import compile_part
from .source import Frozen, Part, Source

_GENERIC = {
    "click", "click here", "here", "link", "more", "read more", "learn more", "this link", "go",
    "こちら", "こちらから", "ここ", "ここをクリック", "クリック", "詳細", "詳しくはこちら",
    "続きを読む", "リンク", "もっと見る",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LinkUse:
    """One link of the HTML; `address` is as written, Jinja2 included."""

    address: str
    text: str
    line: int
    following: Following

    @property
    def is_generic(self) -> bool:
        """Whether its words say nothing out of their sentence: screen readers list links by their words."""
        return " ".join(self.text.split()).strip(" .!→>»").casefold() in _GENERIC

    @property
    def is_broken(self) -> bool:
        """An address that leads nowhere from a mail: empty, relative, or http(s) without a host."""
        address = self.address.strip()
        if self.following in (Following.VARIABLE, Following.PERSONAL) or "{{" in address:
            return False
        if address.lower().startswith(("mailto:", "tel:", "sms:")) or (address.startswith("#") and len(address) > 1):
            return False
        return normal(address) is None


@dataclass(frozen=True, slots=True)
class ImageUse:
    """One image of the HTML. `alt` is None where the attribute is missing; empty is right for decoration."""

    address: str
    alt: str | None
    line: int

    @property
    def is_embedded(self) -> bool:
        """A data: URI, which most mail programs do not show."""
        return self.address.lower().startswith("data:")


@dataclass(frozen=True)
class Analysis:
    """Facts, no judgement."""

    has_unsubscribe: bool  # a link in the HTML, and the address in the text, for everybody
    has_legal_block: bool  # legal name and postal address, in the HTML and in the text, for everybody
    links: tuple[LinkUse, ...]
    images: tuple[ImageUse, ...]
    fields: dict[str, int]  # contact fields read anywhere, with a line of the part that reads them first
    fields_without_fallback: dict[str, int]  # those that leave a gap when they are missing
    size: int  # octets of the frozen HTML; Gmail cuts at 102 kB
    words: int  # of the text part
    subject_length: int
    has_script: bool
    html_lines: int = field(default=0)

    @property
    def images_without_alt(self) -> tuple[ImageUse, ...]:
        return tuple(image for image in self.images if image.alt is None)

    @property
    def generic_links(self) -> tuple[LinkUse, ...]:
        return tuple(link for link in self.links if link.is_generic)

    @property
    def broken_links(self) -> tuple[LinkUse, ...]:
        return tuple(link for link in self.links if link.is_broken)

    @property
    def untracked_links(self) -> tuple[LinkUse, ...]:
        """Web links that are not followed because a variable stands in their address."""
        return tuple(link for link in self.links if link.following is Following.VARIABLE)

    def unknown_fields(self, known: Iterable[str]) -> dict[str, int]:
        """Fields that no contact of this workspace can have."""
        names = set(known)
        return {name: line for name, line in self.fields.items() if name not in names}


def analyse(source: Source, frozen: Frozen, *, legal_name: str = "", postal_address: str = "") -> Analysis:
    """Facts about a letter that can be frozen. Name and address also count when they are written out."""
    html, text = written_out(source)
    reads = {part: compile_part(part, body).reads for part, body in _bodies(source, html, text).items()}
    page = _Page(protect(html))
    in_html, in_text = compile_part(Part.HTML, seen(html)).reads.always, reads[Part.TEXT].always
    return Analysis(
        has_unsubscribe="unsubscribe_url" in in_html & in_text
        and any("unsubscribe_url" in link.address for link in page.links),
        has_legal_block=_names_sender(html, in_html, legal_name, postal_address)
        and _names_sender(text, in_text, legal_name, postal_address),
        links=tuple(page.links),
        images=tuple(page.images),
        fields=_merged(part.fields for part in reads.values()),
        fields_without_fallback=_merged(part.bare for part in reads.values()),
        size=len(frozen.html.encode()),
        words=len(text.split()),
        subject_length=len(source.subject),
        has_script=page.has_script,
        html_lines=html.count("\n") + 1,
    )


def _bodies(source: Source, html: str, text: str) -> dict[Part, str]:
    return {Part.HTML: html, Part.TEXT: text, Part.SUBJECT: source.subject, Part.PREHEADER: source.preheader}


def _merged(found: Iterable[dict[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for names in found:
        for name, line in names.items():
            merged.setdefault(name, line)
    return merged


def _names_sender(body: str, always: set[str], legal_name: str, postal_address: str) -> bool:
    words = "".join(body.split())
    for name, value in (("legal_name", legal_name), ("postal_address", postal_address)):
        written = "".join(value.split())
        if f"workspace.{name}" not in always and not (written and written in words):
            return False
    return True


class _Page(HTMLParser):
    """The links and images of a protected template."""

    def __init__(self, protected: Protected) -> None:
        super().__init__(convert_charrefs=True)
        self.protected = protected
        self.links: list[LinkUse] = []
        self.images: list[ImageUse] = []
        self.has_script = False
        self._open: tuple[dict[str, str], int, list[str]] | None = None  # attributes, line and words of a link
        self.feed(protected.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        self.has_script = self.has_script or tag == "script"
        if tag == "img":
            alt = self.protected.loosely(values["alt"]) if "alt" in values else None
            self.images.append(ImageUse(self.protected.loosely(values.get("src", "")), alt, line))
            if self._open and alt:
                self._open[2].append(alt)
        if tag == "a" and "href" in values:
            self._open = (values, line, [])
        if tag == "area" and "href" in values:
            self._add(values, line, values.get("alt", ""))

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[2].append(data)

    def handle_comment(self, data: str) -> None:
        if self._open and self.protected.pattern.fullmatch(data.strip()):
            self._open[2].append(self.protected.loosely(data.strip()))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open:
            values, line, words = self._open
            self._open = None
            self._add(values, line, " ".join("".join(words).split()))

    def _add(self, values: dict[str, str], line: int, text: str) -> None:
        address = values["href"].strip()
        tags = self.protected.tags_in(address)
        following = linking.following(address, tags=tags, opted_out="data-no-track" in values)
        self.links.append(LinkUse(self.protected.loosely(address), text, line, following))
