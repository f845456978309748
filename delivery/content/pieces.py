"""A template cut into its data and its Jinja2 tags, so that each can be worked on without harm to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError
from markupsafe import escape

from .sandbox import Sandbox
from .source import Part
from .spots import syntax_problem

_ENDS = {"variable_begin": "variable_end", "block_begin": "block_end", "raw_begin": "raw_end"}
_LEXER = Sandbox(html=False).lexer


@dataclass(frozen=True, slots=True)
class Piece:
    """Data, or one whole tag: `{{ … }}`, `{% … %}`, a raw block. Comments are left out."""

    text: str
    line: int
    column: int
    is_tag: bool

    @property
    def prints(self) -> bool:
        return self.text.startswith("{{")


def split(where: Part, source: str) -> list[Piece]:
    """The pieces of a template, which join to the template. Raises TemplateProblem where it cannot be read."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return list(_pieces(source))
    except TemplateSyntaxError as error:
        raise syntax_problem(where, error, error.lineno, 1) from error


def _pieces(source: str) -> list[Piece]:
    found: list[Piece] = []
    read = 0
    opened: tuple[str, int] | None = None  # the kind of token that ends the tag, and where the tag began
    for _, kind, text in _LEXER.tokeniter(source, None):
        at = max(source.find(text, read), read)
        read = at + len(text)
        if opened is None and kind in _ENDS:
            opened = _ENDS[kind], at
        elif opened is not None and kind == opened[0]:
            # A tag's end takes the white space behind it when it is written -%}.
            found.append(_piece(source, opened[1], source[opened[1] : read], is_tag=True))
            opened = None
        elif opened is None and kind == "data":
            found.append(_piece(source, at, text, is_tag=False))
    return found


def _piece(source: str, at: int, text: str, *, is_tag: bool) -> Piece:
    return Piece(text, source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at), is_tag)


def each_datum(where: Part, source: str, change: Callable[[str], str]) -> str:
    """The template with its data changed and its tags as they are."""
    return "".join([piece.text if piece.is_tag else change(piece.text) for piece in split(where, source)])


def as_html(where: Part, source: str) -> str:
    """A template of plain text as one that stands in HTML: its data escaped; its values are when rendered."""
    return each_datum(where, source, lambda text: str(escape(text)))
