"""What kind of text a file is: encoding, separator, header. Pure: bytes in, a verdict out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contacts.addresses import Address, parse
from contacts.importing.problems import FileProblem

MAX_LINE = 1_000_000  # octets of one line; a row of a hundred full cells stays below
MAX_SIZE = 500_000_000
MAX_COLUMNS = 200
SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8-sig", "cp932", "utf-16", "cp1252")
"""Those a person may choose; the last is what Western Excel writes."""

_MAGIC = (
    (b"PK\x03\x04", "archive", ""),
    (b"PK\x05\x06", "archive", ""),
    (b"\x1f\x8b", "gzip", ""),
    (b"%PDF", "other_kind", "PDF"),
    (b"\xd0\xcf\x11\xe0", "other_kind", "Excel 97"),
    (b"7z\xbc\xaf", "other_kind", "7-Zip"),
    (b"Rar!", "other_kind", "RAR"),
    (b"\x89PNG", "other_kind", "PNG"),
    (b"\xff\xd8\xff", "other_kind", "JPEG"),
    (b"{\\rtf", "other_kind", "RTF"),
)
# A run of two or more characters beyond ASCII: Japanese comes in runs, an accent stands alone.
_RUN = re.compile(r"[^\x00-\x7f]{2,}")


@dataclass(frozen=True)
class Shape:
    """How the file is written."""

    separator: str
    header: bool
    columns: list[str]
    samples: list[list[str]]


def refuse_other_kinds(head: bytes, name: str) -> None:
    """Raise FileProblem for what is no text, told by its first bytes and not by its name."""
    for magic, code, kind in _MAGIC:
        if head.startswith(magic):
            raise FileProblem(code, {"name": name, "kind": kind})


def encoding_by_mark(head: bytes) -> str | None:
    """The encoding that the first bytes prove: a byte order mark, or every other byte being NUL."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = head[:400]
    evens, odds = start[0::2], start[1::2]
    if len(start) >= 4 and odds.count(0) > len(odds) * 0.4 and not evens.count(0):
        return "utf-16-le"
    if len(start) >= 4 and evens.count(0) > len(evens) * 0.4 and not odds.count(0):
        return "utf-16-be"
    return None


def legacy_encoding(sample: bytes) -> str:
    """For text that is not UTF-8: CP932 when it reads as Japanese, else Windows' Western one."""
    try:
        text = sample.decode("cp932")
    except UnicodeDecodeError as error:
        # A sample may be cut inside a character; anything else is not CP932.
        if error.start < len(sample) - 1:
            return "cp1252"
        text = sample[: error.start].decode("cp932")
    beyond = sum(not char.isascii() for char in text)
    in_runs = sum(len(run) for run in _RUN.findall(text))
    return "cp932" if in_runs * 2 >= beyond else "cp1252"


def shape_of(text: str, *, separator: str | None = None, header: bool | None = None) -> Shape:
    """Separator, header, column names and the first rows of the beginning of a file; what is given is kept."""
    separator = separator or _separator(text)
    rows = [row for row in _rows(text, separator) if any(row)]
    if header is None:
        header = _has_header(rows)
    width = len(rows[0]) if header and rows else max((len(row) for row in rows), default=0)
    if width > MAX_COLUMNS:
        raise FileProblem("too_many_columns", {"columns": width, "limit": MAX_COLUMNS})
    names = [cell.strip() for cell in rows[0]] if header and rows else [""] * width
    body = rows[1:] if header else rows
    return Shape(separator, header, names, [row[:width] for row in body])


def address_columns(samples: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which at least half of the filled cells are addresses, the fullest first."""
    filled, good = Counter[int](), Counter[int]()
    for row in samples:
        for column, cell in enumerate(row):
            filled[column] += bool(cell.strip())
            good[column] += isinstance(parse(cell), Address)
    return [column for column, count in good.most_common() if count and count * 2 >= filled[column]]


def _separator(text: str) -> str:
    """The one that cuts most of the first rows into the same number of cells, more than one."""
    best, best_score = ",", (0.0, 0)
    for candidate in SEPARATORS:
        widths = Counter(len(row) for row in _rows(text, candidate)[:30] if any(row))
        if not widths:
            continue
        width, rows = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
        score = (rows / widths.total() if width > 1 else 0.0, width)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _rows(text: str, separator: str) -> list[list[str]]:
    """The whole rows of a beginning: a last one without its line end may be cut, unless it is all there is."""
    lines = list(io.StringIO(text, newline=""))  # not splitlines, which also cuts at form feeds and U+2028
    whole = [line for line in lines if line.endswith(("\n", "\r"))] or lines
    rows = []
    try:
        for row in csv.reader(io.StringIO("".join(whole), newline=""), delimiter=separator):
            rows.append(row)
            if len(rows) > 200:
                break
    except csv.Error:
        pass  # the reading proper names the line
    return rows


def _has_header(rows: list[list[str]]) -> bool:
    """A first row without an address, above rows that have one."""
    return bool(rows) and not any(isinstance(parse(cell), Address) for cell in rows[0])
