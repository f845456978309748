"""Takes the one XML document out of a report's gzip or zip, never further than the caps. Pure.

A report is told by its first octets, not by its name. A zip in a zip is never opened.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

MOST_PACKED = 5_000_000  # octets as they came
MOST_XML = 20_000_000  # octets of the document
HIGHEST_RATIO = 400  # document to what came, once the document is larger than FREE
FREE = 2_000_000
MOST_FILES = 20  # in a zip, directories and the like included
PIECE = 65_536

ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BEGINNINGS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<", b"<\x00", b"\x00<")


class Unreadable(Exception):
    """It is no report, or more than is taken. The message says why, in English."""


class TooBig(Unreadable):
    """It is more than is taken, or would be once unpacked."""


def xml_of(data: bytes) -> Iterator[bytes]:
    """The document piece by piece. Raises Unreadable as soon as a cap is passed."""
    if len(data) > (MOST_PACKED if data.startswith((ZIP, GZIP)) else MOST_XML):
        raise TooBig(f"{len(data)} octets are more than is taken")
    pieces = _unzipped(data) if data.startswith(ZIP) else _gunzipped(data) if data.startswith(GZIP) else _cut(data)
    total = 0
    for piece in pieces:
        if piece and not total:
            _must_be_xml(piece)
        total += len(piece)
        if total > MOST_XML:
            raise TooBig(f"unpacked it is larger than {MOST_XML} octets")
        if total > FREE and total > len(data) * HIGHEST_RATIO:
            raise TooBig(f"unpacked it is more than {HIGHEST_RATIO} times as large")
        yield piece
    if not total:
        raise Unreadable("there is nothing in it")


def _must_be_xml(piece: bytes) -> None:
    if piece.startswith((ZIP, GZIP)):
        raise Unreadable("it is packed twice")
    if not piece.lstrip(b" \t\r\n").startswith(_BEGINNINGS):
        raise Unreadable("it is no XML")


def _cut(data: bytes) -> Iterator[bytes]:
    return (data[at : at + PIECE] for at in range(0, len(data), PIECE))


def _gunzipped(data: bytes) -> Iterator[bytes]:
    """RFC 1952; what follows the first member is not looked at."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for at in range(0, len(data), PIECE):
            packed, piece = data[at : at + PIECE], b""
            while packed or len(piece) == PIECE:
                piece = unpacker.decompress(packed, PIECE)
                yield piece
                packed = unpacker.unconsumed_tail
    except zlib.error as error:
        raise Unreadable(f"its gzip is broken: {error}") from error
    if not unpacker.eof:
        raise Unreadable("its gzip is cut off")


def _unzipped(data: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(_one_file(archive)) as file:
            while piece := file.read(PIECE):
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise Unreadable(f"its zip is broken: {error}") from error


def _one_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The only XML file of the archive, or its only file. What some programs add beside it is not looked at."""
    found = archive.infolist()
    if len(found) > MOST_FILES:
        raise Unreadable(f"its zip has more than {MOST_FILES} files")
    named = [info for info in found if info.filename.lower().endswith(".xml") and "__MACOSX" not in info.filename]
    documents = named or found
    if len(documents) != 1:
        raise Unreadable(f"its zip has {len(documents)} files to choose from, not one")
    if documents[0].compress_type not in _METHODS or documents[0].flag_bits & 1:
        raise Unreadable("its zip is encrypted, or packed in a way that is not taken")
    return documents[0]
