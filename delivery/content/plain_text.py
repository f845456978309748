"""The plain-text part, made from the HTML: same words, same variables, same order.

Our own on the standard parser: the converters that exist drop comments, in which the Jinja2 tags
travel, and lay the nested tables of mail out in columns.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from .links import normal
from .protect import Protected, protect

_BLOCKS = {
    "p", "div", "table", "tr", "ul", "ol", "li", "section", "article", "header", "footer", "main", "center",
    "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "dl", "dt", "dd", "figure", "pre", "form",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "hr", "table"}
_SILENT = {"head", "style", "script", "title", "template"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)


def automatic(html: str) -> str:
    """A text template for an HTML template. Raises TemplateProblem where the HTML cannot be read."""
    protected = protect(html)
    writer = _Writer(protected)
    writer.feed(protected.html)
    writer.close()
    text = re.sub(r"[ \t]+\n", "\n", "".join(writer.out))
    return protected.loosely(re.sub(r"\n{3,}", "\n\n", text)).strip() + "\n"


class _Writer(HTMLParser):
    """Breaks and spaces are owed until the next words, so that none stand before a closing or a Jinja2 tag."""

    def __init__(self, protected: Protected) -> None:
        super().__init__(convert_charrefs=True)
        self.protected = protected
        self.out: list[str] = []
        self._breaks = 0
        self._given = 0  # breaks written before a Jinja2 tag, since the last words
        self._space = False
        self._silent: list[str] = []  # open elements from the outermost silent one on
        self._link: tuple[str, int] | None = None  # its address, and where in `out` its words begin
        self._lists: list[int] = []  # next number of each open list, 0 for bullets
        self._cells: list[bool] = []  # of each open table: whether its cells are figures side by side
        self._cell = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if self._silent or tag in _SILENT or "hidden" in values or _HIDDEN.search(values.get("style", "")):
            if tag not in _VOID:
                self._silent.append(tag)
            return
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED and not (tag == "table" and self._cells) else 1)
        start = getattr(self, f"_start_{tag}", None)
        if start:
            start(values)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._leave_silence(tag)
            return
        end = getattr(self, f"_end_{tag}", None)
        if end:
            end()
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED and not (tag == "table" and self._cells) else 1)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        words = data.replace("\xa0", " ").split()
        if data[:1].isspace() or not words:
            self._space = True
        if not words:
            return
        self._say(" ".join(words))
        self._space = data[-1].isspace()

    def handle_comment(self, data: str) -> None:
        token = data.strip()
        match = self.protected.pattern.fullmatch(token)
        if not match:
            return
        prints = self.protected.pieces[int(match[1] or match[2])].prints
        if not prints:
            # {% if %} and the like, even in silence: their other halves may stand elsewhere. One break is owed
            # behind it, so that the turns of a loop stand on lines of their own.
            if self._breaks > 1 and self.out:
                self.out.append("\n" * (self._breaks - 1))
                self._given, self._breaks = self._breaks - 1, 1
            self.out.append(token)
        elif not self._silent:
            self._say(token)

    def _say(self, words: str) -> None:
        if self._breaks and self.out:
            self.out.append("\n" * self._breaks)
        elif self._space and self.out:
            self.out.append(" ")
        self._breaks, self._given, self._space = 0, 0, False
        self.out.append(words)

    def _break(self, count: int) -> None:
        self._breaks = max(self._breaks, count - self._given)
        self._space = False

    def _leave_silence(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[len(self._silent) - 1 - self._silent[::-1].index(tag) :]

    def _start_br(self, values: dict[str, str]) -> None:
        self._breaks += 1
        self._space = False

    def _start_hr(self, values: dict[str, str]) -> None:
        self._say("-" * 20)

    def _start_img(self, values: dict[str, str]) -> None:
        if values.get("alt", "").strip():
            self._say(" ".join(values["alt"].split()))

    def _start_a(self, values: dict[str, str]) -> None:
        self._link = (values.get("href", "").strip(), len(self.out))

    def _end_a(self) -> None:
        address, start = self._link or ("", 0)
        self._link = None
        words = "".join(self.out[start:]).strip()
        if not address or address.startswith("#") or words == address or not words:
            return
        self._space = True
        shown = address if self.protected.pattern.search(address) else normal(address) or address
        self._say(f"<{shown.removeprefix('mailto:')}>")

    def _start_ul(self, values: dict[str, str]) -> None:
        self._lists.append(0)

    def _start_ol(self, values: dict[str, str]) -> None:
        self._lists.append(1)

    def _end_ul(self) -> None:
        self._lists = self._lists[:-1]

    _end_ol = _end_ul

    def _start_li(self, values: dict[str, str]) -> None:
        number = self._lists[-1] if self._lists else 0
        self._say(f"{number}. " if number else "- ")
        if number:
            self._lists[-1] += 1

    def _start_table(self, values: dict[str, str]) -> None:
        layout = values.get("role", "").lower() in ("presentation", "none") or "cellpadding" in values
        self._cells.append(not layout)

    def _end_table(self) -> None:
        self._cells = self._cells[:-1]

    def _start_tr(self, values: dict[str, str]) -> None:
        self._cell = 0

    def _start_td(self, values: dict[str, str]) -> None:
        self._cell += 1
        if not self._cells or not self._cells[-1]:
            self._break(1)
        elif self._cell > 1:
            self._say(" | ")

    _start_th = _start_td
