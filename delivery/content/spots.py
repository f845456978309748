"""Where in a template an error is, and what it is, in words for people: Jinja2 tells the line, and speaks English."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import TemplateSyntaxError
from jinja2.lexer import Lexer, Token, TokenStream

from .source import Part, TemplateProblem, gettext_noop

_OPENING = {"if", "for", "with"}

# Jinja2's sentences, and ours with the same facts.
_SENTENCES = [
    (
        re.compile(r"innermost block that needs to be closed is '(\w+)'"),
        gettext_noop("{%% %(one)s %%} is never closed."),
    ),
    (re.compile(r"unexpected end of template"), gettext_noop("A tag has no end: }} or %%} is missing.")),
    (re.compile(r"ncountered unknown tag '(\w+)'"), gettext_noop("{%% %(one)s %%} is unknown, or out of place here.")),
    (
        re.compile(r"(?:unexpected|an expression, got) 'end of"),
        gettext_noop("Something is missing before the end of this tag."),
    ),
    (re.compile(r"unexpected (?:char )?(['\"].+?['\"])(?: at \d+)?$"), gettext_noop("%(one)s is out of place here.")),
    (re.compile(r"expected token '(.+)', got '(.+)'"), gettext_noop("“%(one)s” was expected here, not “%(two)s”.")),
]

_ENDS = {"end of statement block": "%}", "end of print statement": "}}"}


class SpotStream(TokenStream):
    """A stream of tokens that remembers at which offset of the source its current token stands."""

    def __init__(self, lexer: Lexer, source: str) -> None:
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        self.offsets: list[int] = []
        self.read = 0
        self.unreadable = False  # whether the lexer, not the parser, gave up
        self.opened: list[int] = []  # where the blocks begin that are still open
        super().__init__(self._tokens(lexer), None, None)

    def _tokens(self, lexer: Lexer) -> Iterator[Token]:
        block = -1  # where the tag begins whose name comes next
        try:
            for line, kind, text in lexer.tokeniter(self.source, None):
                at = max(self.source.find(text, self.read), self.read)
                self.read = at + len(text)
                if kind == "name" and block >= 0:
                    self._enter(text, block)
                block = at if kind == "block_begin" else block if kind == "whitespace" else -1
                for token in lexer.wrap([(line, kind, text)]):
                    self.offsets.append(at)
                    yield token
        except TemplateSyntaxError:
            self.unreadable = True
            raise

    def _enter(self, name: str, at: int) -> None:
        if name in _OPENING:
            self.opened.append(at)
        elif name.startswith("end") and self.opened:
            self.opened.pop()

    def place(self, error: TemplateSyntaxError) -> tuple[int, int]:
        """Line and column (from 1) of an error raised while this stream was read."""
        offset = self._offset(error)
        return self.source.count("\n", 0, offset) + 1, offset - self.source.rfind("\n", 0, offset)

    def _offset(self, error: TemplateSyntaxError) -> int:
        """Where reading stopped, or the parser's current token if it is on the error's line, else that line's tag."""
        if "needs to be closed" in (error.message or "") and self.opened:
            return self.opened[-1]
        lines = self.source.split("\n")
        start = sum(len(line) + 1 for line in lines[: error.lineno - 1])
        end = start + len(lines[min(error.lineno, len(lines)) - 1])
        offset = self.read if self.unreadable else self.offsets[-1] if self.offsets else 0
        if start <= offset <= end:
            return offset
        return max(self.source.find("{", start, end), start)


def syntax_problem(where: Part, error: TemplateSyntaxError, line: int, column: int) -> TemplateProblem:
    """What Jinja2 said, in a sentence that can be translated."""
    said = error.message or ""
    for pattern, message in _SENTENCES:
        found = pattern.search(said)
        if found:
            one, two = [_ENDS.get(group, group) for group in (*found.groups(), "", "")][:2]
            return TemplateProblem(where, line, column, message, one=one, two=two)
    message = gettext_noop("The template cannot be read: %(detail)s")
    return TemplateProblem(where, line, column, message, detail=said)
