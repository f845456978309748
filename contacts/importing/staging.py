"""The dry run's first half: rows of the file into the staging table, a slice at a time; problems into their table.

A slice and the place where the next begins commit together, so that a killed worker repeats nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from contacts.importing import receiving
from contacts.importing.mapping import FieldType, Mapper, Options, Person
from contacts.importing.problems import FileProblem
from contacts.importing.reading import Row, rows
from contacts.models import Field, Import, ImportRow, StagedRow

SLICE = 5000

_STAGE = """COPY contacts_stagedrow (imported_id, row, address, address_key, domain, first_name, last_name, language,
                                 fields, tags, subscribe) FROM STDIN"""
_NOTE = "COPY contacts_importrow (imported_id, row, category, reason, raw, detail) FROM STDIN"
# The first row of an address is taken; later ones are named with it.
_DUPLICATES = """
WITH fresh AS MATERIALIZED (
  SELECT row, address_key FROM contacts_stagedrow WHERE imported_id = %(import)s AND row > %(after)s),
known AS MATERIALIZED (
  SELECT f.row, e.row AS first FROM fresh f CROSS JOIN LATERAL (
    SELECT row FROM contacts_stagedrow e WHERE e.imported_id = %(import)s AND e.address_key = f.address_key
     ORDER BY e.address_key, e.row LIMIT 1) e WHERE e.row < f.row),
twice AS (
  DELETE FROM contacts_stagedrow s USING known k
   WHERE s.imported_id = %(import)s AND s.row = k.row RETURNING s.row, s.address, k.first)
INSERT INTO contacts_importrow (imported_id, row, category, reason, raw, detail)
SELECT %(import)s, row, 'duplicate', 'duplicate', address, first::text FROM twice
"""


@dataclass(frozen=True)
class _Note:
    """One row of the table of problems."""

    row: int
    category: str
    reason: str
    raw: str
    detail: str = ""


def clear(imported: Import) -> None:
    """Forget an earlier dry run of this import. The caller saves."""
    StagedRow.objects.filter(imported=imported).delete()
    ImportRow.objects.filter(imported=imported).delete()
    imported.offset = imported.lines = imported.rows = imported.cursor = 0
    imported.estimate, imported.counts = {}, {}


def refresh_statistics() -> None:
    """What follows joins sets of this table with one another: the planner must know how large they are."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_stagedrow")


class Stager:
    """Reads on where the import stands."""

    def __init__(self, imported: Import) -> None:
        self._import = imported
        fields = {
            field.key: FieldType(field.key, field.kind, tuple(field.choices))
            for field in Field.objects.of(imported.workspace_id)
        }
        fields |= new_fields(imported)
        mapping, options = keyed_mapping(imported), Options.of(imported.options)
        self._mapper = Mapper(imported.columns, mapping, fields, options)
        self._rows = self._from_here()

    def step(self) -> bool:
        """Stage one slice; False when the file is at its end. The caller's transaction saves the place."""
        chunk = list(islice(self._rows, SLICE))
        if not chunk:
            return False
        after = last_row(self._import)
        staged, notes = self._sort(chunk, first=after + 1)
        self._import.rows += len(chunk)
        self._import.offset, self._import.lines = chunk[-1].end, chunk[-1].lines
        duplicates = self._write(staged, notes, after)
        self._count(notes, duplicates)
        self._import.save(update_fields=["rows", "offset", "lines", "estimate"])
        return True

    def _from_here(self) -> Iterator[Row]:
        imported = self._import
        stream = receiving.opened(imported)
        encoding = receiving.stream_encoding(imported)
        found = rows(stream, encoding, imported.separator, offset=imported.offset, lines=imported.lines)
        return islice(found, 1 if imported.header and imported.offset == 0 else 0, None)

    def _sort(self, chunk: list[Row], *, first: int) -> tuple[list[tuple[int, Person]], list[_Note]]:
        staged, notes = [], []
        for number, row in enumerate(chunk, start=first):
            person = self._mapper.person(row)
            if isinstance(person, str):
                notes.append(_Note(number, "invalid", person, row.raw))
                continue
            staged.append((number, person))
            notes += [_Note(number, "field", reason, row.raw, column) for reason, column in person.problems]
            if person.address.fixed:
                notes.append(_Note(number, "fixed", "fixed", row.raw))
        return staged, notes

    def _write(self, staged: Iterable[tuple[int, Person]], notes: Iterable[_Note], after: int) -> int:
        with connection.cursor() as cursor:
            with cursor.copy(_STAGE) as copy:
                for number, person in staged:
                    copy.write_row(self._columns(number, person))
            with cursor.copy(_NOTE) as copy:
                for note in notes:
                    # PostgreSQL's text has no NUL; the raw row may.
                    raw = note.raw.replace("\0", "�")
                    copy.write_row((self._import.pk, note.row, note.category, note.reason, raw, note.detail))
            cursor.execute(_DUPLICATES, {"import": self._import.pk, "after": after})
            return int(cursor.rowcount)

    def _columns(self, number: int, person: Person) -> tuple[object, ...]:
        address = person.address
        return (
            self._import.pk,
            number,
            address.address,
            address.key,
            address.domain,
            person.first_name,
            person.last_name,
            person.language,
            Jsonb(person.fields, dumps=_dumps),
            person.tags,
            person.subscribe,
        )

    def _count(self, notes: Iterable[_Note], duplicates: int) -> None:
        counts = Counter(self._import.estimate)
        counts.update(note.category for note in notes)
        counts["duplicate"] += duplicates
        self._import.estimate = dict(counts)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def keyed_mapping(imported: Import) -> list[str]:
    """The mapping with "new:<kind>" replaced by the key that the new field will have."""
    keys = iter(new_fields(imported))
    return [f"field:{next(keys)}" if target.startswith("new:") else target for target in imported.mapping]


def new_fields(imported: Import) -> dict[str, FieldType]:
    """The fields that this import will make, by key, in the order of their columns.

    The keys were chosen with the mapping (`decide`), so that they stay the same until the fields are made.
    """
    kinds = [target.removeprefix("new:") for target in imported.mapping if target.startswith("new:")]
    keys = Options.of(imported.options).new_keys
    return {key: FieldType(key, kind) for key, kind in zip(keys, kinds, strict=True)}


def last_row(imported: Import) -> int:
    """The number of the last row staged, as a spreadsheet counts: the header is row 1."""
    return imported.rows + int(imported.header)


@transaction.atomic
def refuse(imported: Import, problem: FileProblem) -> None:
    """The file cannot be read to its end: it fails as a whole, before anything was written to contacts."""
    clear(imported)
    imported.state = Import.State.FAILED
    imported.problem = {"code": problem.code, "params": problem.params}
    imported.save()
