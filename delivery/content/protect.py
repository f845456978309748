"""Jinja2 tags kept safe while something works on the HTML around them (design.md §4, traps).

Between elements a tag becomes a comment, in a quoted attribute value or a title a lower-case alphanumeric
token. Elsewhere inside a tag, or in <style> and <script>, it is refused. Every one must come back once, in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .pieces import Piece, split
from .source import Part, TemplateProblem, gettext_noop

_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]*)")
_RAW = {"style", "script", "title", "textarea"}
_REFUSED = {
    "style": gettext_noop("%(tag)s cannot stand in a <style> element."),
    "script": gettext_noop("%(tag)s cannot stand in a <script> element."),
    "value": gettext_noop("Put quotation marks around the attribute's value: %(tag)s stands in it."),
    "tag": gettext_noop("%(tag)s cannot stand inside an HTML tag, only in an attribute's value."),
}


@dataclass(frozen=True)
class Protected:
    """HTML whose Jinja2 tags are placeholders; `mark` begins each and occurs nowhere else."""

    html: str
    mark: str
    pieces: tuple[Piece, ...]  # the tags, by number

    def token(self, number: int) -> str:
        return f"{self.mark}{number}z"

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(rf"<!--\s*{self.mark}(\d+)z\s*-->|{self.mark}(\d+)z")

    def tags_in(self, text: str) -> list[str]:
        """The tags whose placeholders stand in the text."""
        return [self.pieces[int(match[1] or match[2])].text for match in self.pattern.finditer(text)]

    def restore(self, html: str) -> str:
        """The tags back in their places. Raises TemplateProblem when one was lost, doubled or moved."""
        numbers = [int(match[1] or match[2]) for match in self.pattern.finditer(html)]
        for place, piece in enumerate(self.pieces):
            if place >= len(numbers) or numbers[place] != place:
                message = gettext_noop("%(tag)s would not survive where it stands: close every HTML tag around it.")
                raise TemplateProblem(Part.HTML, piece.line, piece.column, message, tag=short(piece.text))
        return self.loosely(html)

    def loosely(self, html: str) -> str:
        """The tags that are still there, back in their places."""
        return self.pattern.sub(lambda match: self.pieces[int(match[1] or match[2])].text, html)


def protect(source: str) -> Protected:
    """Raises TemplateProblem for a tag that stands where it cannot be kept."""
    pieces = split(Part.HTML, source)
    mark = next(mark for mark in (f"zq{letter}x" for letter in "jkvwbdfg") if mark not in source.lower())
    scanner = Scanner()
    parts: list[str] = []
    tags: list[Piece] = []
    lines = 1  # of the placeholder HTML so far: comments take up what tags and Jinja2's own comments leave out
    for piece in pieces:
        if not piece.is_tag:
            scanner.feed(piece.text)
            parts.append(piece.text)
            lines += piece.text.count("\n")
            continue
        if scanner.context in _REFUSED:
            raise TemplateProblem(Part.HTML, piece.line, piece.column, _REFUSED[scanner.context], tag=short(piece.text))
        token = f"{mark}{len(tags)}z"
        missing = "\n" * (piece.line + piece.text.count("\n") - lines) if scanner.context == "text" else ""
        parts.append(f"<!--{missing}{token}-->" if scanner.context == "text" else token)
        lines += len(missing)
        tags.append(piece)
    return Protected("".join(parts), mark, tuple(tags))


def seen(source: str) -> str:
    """The template without what it prints into HTML comments, which nobody reads."""
    scanner = Scanner()
    kept: list[str] = []
    for piece in split(Part.HTML, source):
        if not piece.is_tag:
            scanner.feed(piece.text)
        if not (piece.prints and scanner.context == "comment"):
            kept.append(piece.text)
    return "".join(kept)


def short(tag: str) -> str:
    text = " ".join(tag.split())
    return text if len(text) <= 40 else text[:38] + " …"


class Scanner:
    """Where in HTML the end of what it was fed is: text, tag, value (unquoted), quoted, comment, or a raw element."""

    def __init__(self) -> None:
        self.context = "text"
        self._quote = ""
        self._element = ""

    def feed(self, html: str) -> None:
        at = 0
        while at < len(html):
            at = getattr(self, "_in_" + self.context)(html, at)
        if self.context == "tag" and html.rstrip().endswith("="):
            self.context = "value"

    def _in_text(self, html: str, at: int) -> int:
        start = html.find("<", at)
        if start < 0:
            return len(html)
        if html.startswith("<!--", start):
            self.context = "comment"
            return start + 4
        name = _TAG.match(html, start)
        if name or start == len(html) - 1 or html[start + 1] in "!?/":
            self.context = "tag"
            self._element = name[1].lower() if name and html[start + 1] != "/" else ""
            return name.end() if name else start + 1
        return start + 1

    def _in_tag(self, html: str, at: int) -> int:
        found = re.compile(r"[\"'>]").search(html, at)
        if not found:
            return len(html)
        if found[0] == ">":
            self.context = self._element if self._element in _RAW else "text"
        else:
            self.context, self._quote = "quoted", found[0]
        return found.end()

    def _in_value(self, html: str, at: int) -> int:
        self.context = "tag"
        return at

    def _in_quoted(self, html: str, at: int) -> int:
        end = html.find(self._quote, at)
        if end < 0:
            return len(html)
        self.context = "tag"
        return end + 1

    def _in_comment(self, html: str, at: int) -> int:
        end = html.find("-->", at)
        if end < 0:
            return len(html)
        self.context = "text"
        return end + 3

    def _raw(self, html: str, at: int) -> int:
        end = html.lower().find(f"</{self._element}", at)
        if end < 0:
            return len(html)
        self.context = "text"
        return end

    _in_style = _in_script = _in_title = _in_textarea = _raw
