"""Where in a template an error is: Jinja2 tells the line, people need the column too."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError
from jinja2.lexer import Lexer, Token, TokenStream


class SpotStream(TokenStream):
    """A stream of tokens that remembers at which offset of the source its current token stands."""

    def __init__(self, lexer: Lexer, source: str) -> None:
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        self.offsets: list[int] = []
        self.read = 0
        self.unreadable = False  # whether the lexer, not the parser, gave up
        super().__init__(self._tokens(lexer), None, None)

    def _tokens(self, lexer: Lexer) -> Iterator[Token]:
        try:
            for line, kind, text in lexer.tokeniter(self.source, None):
                at = max(self.source.find(text, self.read), self.read)
                self.read = at + len(text)
                for token in lexer.wrap([(line, kind, text)]):
                    self.offsets.append(at)
                    yield token
        except TemplateSyntaxError:
            self.unreadable = True
            raise

    def place(self, error: TemplateSyntaxError) -> tuple[int, int]:
        """Line and column (from 1) of an error raised while this stream was read."""
        offset = self._offset(error)
        before = self.source[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def _offset(self, error: TemplateSyntaxError) -> int:
        """Where reading stopped, or the parser's current token if it is on the error's line, else that line's tag."""
        lines = self.source.split("\n")
        start = sum(len(line) + 1 for line in lines[: error.lineno - 1])
        end = start + len(lines[min(error.lineno, len(lines)) - 1])
        offset = self.read if self.unreadable else self.offsets[-1] if self.offsets else 0
        if start <= offset <= end:
            return offset
        return max(self.source.find("{", start, end), start)
