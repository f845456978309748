"""Exported tables, line by line, in which no spreadsheet finds a formula (CSV injection). Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from contacts.values import guard_formula


class _Line:
    """A file that gives each line back to its writer."""

    def write(self, line: str) -> str:
        return line


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A CSV file line by line, all cells quoted and safe; a figure stays a figure."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield "\ufeff" + writer.writerow(head)  # Excel reads UTF-8 only behind this mark
    for row in rows:
        yield writer.writerow([guard_formula(cell) if isinstance(cell, str) else cell for cell in row])
