"""Take a file in: refuse what is none, find out how it is written, keep it in pieces in the database."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import transaction

from accounts.models import User, Workspace
from contacts.importing import mapping
from contacts.importing.detect import (
    MAX_LINE,
    MAX_SIZE,
    Shape,
    address_columns,
    encoding_by_mark,
    legacy_encoding,
    refuse_other_kinds,
    shape_of,
)
from contacts.importing.problems import FileProblem
from contacts.models import Field, Import, ImportChunk
from contacts.values import clean

PIECE = 256 * 1024
HEAD = 64 * 1024
SHOWN_ROWS = 5


class Watch:
    """Looks at the octets as they pass: size, NUL, overlong lines, whether all of it is UTF-8."""

    def __init__(self) -> None:
        self.size = 0
        self.utf8 = True
        self.doubtful = b""  # where it stopped being UTF-8
        self._line, self._length = 1, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data: bytes) -> None:
        """Raises FileProblem naming the line."""
        self.size += len(data)
        if self.size > MAX_SIZE:
            raise FileProblem("too_big", {"limit": MAX_SIZE // 10**6})
        nul = data.find(b"\0")
        if nul >= 0:
            raise FileProblem("nul", {"line": self._line + data.count(b"\n", 0, nul)})
        self._measure(data)
        if self.utf8:
            self._try_utf8(data)

    def _measure(self, data: bytes) -> None:
        for number, part in enumerate(data.split(b"\n")):
            if number:
                self._line, self._length = self._line + 1, 0
            self._length += len(part)
            if self._length > MAX_LINE:
                raise FileProblem("long_line", {"line": self._line, "limit": f"{MAX_LINE:,}"})

    def _try_utf8(self, data: bytes) -> None:
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError as error:
            self.utf8 = False
            self.doubtful = data[max(0, error.start - 4000) : error.start + 8000]


def receive(workspace: Workspace, name: str, chunks: Iterable[bytes], by: User | None) -> Import:
    """Keep the file and say how it is written. Raises FileProblem; then nothing is kept."""
    name = _shown_name(name)
    source = iter(chunks)
    head = _head(source, name)
    refuse_other_kinds(head, name)
    encoding = encoding_by_mark(head)
    digest = hashlib.sha256()
    octets = _hashed(_chain(head, source), digest)
    watch = Watch()
    with transaction.atomic():
        new = Import.objects.create(
            workspace=workspace, name=name, size=0, sha256="", encoding="", separator=",", created_by=by
        )
        for number, piece in enumerate(_pieces(_as_lines(octets, encoding, head), watch)):
            ImportChunk.objects.create(imported=new, number=number, data=piece)
        new.size, new.sha256 = watch.size, digest.hexdigest()
        new.encoding = _kept_encoding(encoding, watch, head)
        describe(new)
        new.save()
    return new


def describe(imported: Import, *, separator: str | None = None, header: bool | None = None) -> None:
    """Fill in (without saving) separator, header, columns, samples and a first mapping, from the file's beginning."""
    shape = beginning(imported, separator=separator, header=header)
    _refuse_without_addresses(shape, imported.name)
    imported.separator, imported.header, imported.columns = shape.separator, shape.header, shape.columns
    imported.samples = shape.samples[:SHOWN_ROWS]
    imported.mapping = mapping.guess(shape.columns, shape.samples, _field_names(imported))


def beginning(imported: Import, *, separator: str | None = None, header: bool | None = None) -> Shape:
    """The first rows (up to 200), read as the import says or as they look."""
    head = bytes(ImportChunk.objects.get(imported=imported, number=0).data)[:HEAD]
    text = head.decode("utf-8" if imported.encoding == "utf-16" else imported.encoding, errors="replace")
    # A file that ends here ends with a whole line; else the last line may be cut, and is left out.
    text = text.removeprefix("\ufeff") + ("\n" if imported.size < HEAD and not text.endswith("\n") else "")
    return shape_of(text, separator=separator, header=header)


def reread(imported: Import, *, encoding: str, separator: str, header: bool) -> None:
    """Read it as a person says. Raises FileProblem where no addresses are found like that; nothing changes then."""
    # UTF-16 is known by its octets, and was turned into UTF-8 on the way in: neither from nor to it is a choice.
    if "utf-16" not in (imported.encoding, encoding):
        imported.encoding = encoding
    describe(imported, separator=separator, header=header)
    imported.save()


def _field_names(imported: Import) -> list[tuple[str, str]]:
    return list(Field.objects.of(imported.workspace_id).values_list("key", "label"))


def stream_encoding(imported: Import) -> str:
    """How the kept pieces are encoded: UTF-16 was turned into UTF-8 on the way in."""
    return "utf-8-sig" if imported.encoding in ("utf-16", "utf-8", "utf-8-sig") else imported.encoding


def _refuse_without_addresses(shape: Shape, name: str) -> None:
    """Where a column says that it holds addresses and most are none, each row says why: the dry run tells."""
    if address_columns(shape.samples) or (shape.samples and mapping.named_for_mail(shape.columns)):
        return
    columns = ", ".join(column for column in shape.columns if column) or str(len(shape.columns))
    raise FileProblem("no_address_column", {"name": name, "rows": len(shape.samples), "columns": columns[:200]})


def _shown_name(name: str) -> str:
    """The last part of the name, without anything that could go elsewhere than to a page."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return clean("".join(char for char in last if char.isprintable())[:120], 120) or "people.csv"


def _head(source: Iterator[bytes], name: str) -> bytes:
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= HEAD:
            break
    if not head.strip():
        raise FileProblem("empty", {"name": name})
    return head


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _hashed(chunks: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _as_lines(chunks: Iterator[bytes], encoding: str | None, head: bytes) -> Iterator[bytes]:
    """UTF-16 becomes UTF-8, and the old Mac's lone CR becomes LF: the rest of the way reads octet lines."""
    if encoding and encoding.startswith("utf-16"):
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        chunks = (decoder.decode(chunk).encode() for chunk in chunks)
    if b"\r" in head and b"\n" not in head:
        return (chunk.replace(b"\r", b"\n") for chunk in chunks)
    return chunks


def _pieces(chunks: Iterator[bytes], watch: Watch) -> Iterator[bytes]:
    """The same octets in pieces of one size, each looked at."""
    buffer = bytearray()
    for chunk in chunks:
        watch.feed(chunk)
        buffer += chunk
        while len(buffer) >= PIECE:
            yield bytes(buffer[:PIECE])
            del buffer[:PIECE]
    if buffer:
        yield bytes(buffer)


def _kept_encoding(by_mark: str | None, watch: Watch, head: bytes) -> str:
    if by_mark:
        return "utf-16" if by_mark.startswith("utf-16") else by_mark
    return "utf-8" if watch.utf8 else legacy_encoding(watch.doubtful)


class Stream(io.RawIOBase):
    """The kept file, to be read and sought like one on disk."""

    def __init__(self, imported: Import) -> None:
        self._import, self._at, self._number, self._piece = imported, 0, -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        number, start = divmod(self._at, PIECE)
        if number != self._number:
            rows = ImportChunk.objects.filter(imported=self._import, number=number).values_list("data", flat=True)
            self._number, self._piece = number, bytes(next(islice(rows, 1), b""))
        data = self._piece[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def opened(imported: Import) -> io.BufferedReader:
    """The file from its beginning. Raises FileProblem when it is no longer kept."""
    if not ImportChunk.objects.filter(imported=imported, number=0).exists():
        raise FileProblem("gone")
    return io.BufferedReader(Stream(imported), PIECE)
