"""Read rows from a byte stream, one at a time, knowing where each begins and ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from contacts.importing.detect import MAX_LINE
from contacts.importing.problems import FileProblem

MAX_LINES_A_ROW = 100  # more lines inside one pair of quotation marks means that the second is missing
RAW_KEPT = 500  # characters of a row kept to show it
_CARRIAGE_RETURN = "new-line character seen in unquoted field"  # csv's words; its errors have no other mark

csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row; `end` and `lines` say where the next begins; `raw` is the row as written."""

    cells: list[str]
    end: int
    lines: int
    raw: str
    readable: bool


class _Lines:
    """The stream's lines as text, counting octets and lines; keeps the lines of the row being read."""

    def __init__(self, stream: BinaryIO, encoding: str, *, offset: int, lines: int) -> None:
        self._stream, self.offset, self.count = stream, offset, lines
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self.raw: list[str] = []
        self.readable = True
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise FileProblem("long_line", {"line": self.count + 1, "limit": f"{MAX_LINE:,}"})
            if self.offset == 0:
                line_text = line.removeprefix(b"\xef\xbb\xbf")
                self.offset += len(line) - len(line_text)
                line = line_text
            self.offset += len(line)
            self.count += 1
            if len(self.raw) >= MAX_LINES_A_ROW:
                raise FileProblem("quote", {"line": self.count - MAX_LINES_A_ROW})
            text = self._text(line)
            self.raw.append(text)
            yield text
        self.ended = True

    def _text(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError:
            self.readable = False
            return line.decode(self._encoding, errors="replace")


def rows(stream: BinaryIO, encoding: str, separator: str, *, offset: int = 0, lines: int = 0) -> Iterator[Row]:
    """The rows from `offset` (where a row begins) on; empty lines are passed over. Raises FileProblem."""
    stream.seek(offset)
    source = _Lines(stream, encoding, offset=offset, lines=lines)
    reader = csv.reader(source, delimiter=separator)
    while True:
        source.raw, source.readable, first = [], True, source.count + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if _CARRIAGE_RETURN in str(error):
                raise FileProblem("carriage_return", {"line": source.count}) from error
            raise FileProblem("quote", {"line": first}) from error
        if cells is None:
            return
        # The reader meets the end in the middle of a row only where it is still inside quotation marks.
        if source.ended:
            raise FileProblem("quote", {"line": first})
        if any(cells):
            raw = "".join(source.raw)[:RAW_KEPT].rstrip("\r\n")
            yield Row(cells, source.offset, source.count, raw, source.readable)
