"""People as CSV, streamed: one batch in memory at any size. Cells cannot run as formulas (security: T5)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Workspace
from contacts import standing
from contacts.importing.problems import CATEGORIES, words_of_row
from contacts.models import Contact, Field, Import, ImportRow
from contacts.values import guard_formula

BATCH = 1000
BOM = "\ufeff"  # Excel reads UTF-8 only behind it


def people(workspace: Workspace, found: QuerySet[Contact], *, guarded: bool = True) -> Iterator[str]:
    """Lines of CSV. `guarded` is for spreadsheets: a mark, and an apostrophe before what could be a formula."""
    fields = list(Field.objects.of(workspace).order_by("pk"))
    head = ["email", "first_name", "last_name", "language", "tags", "lists", "can_be_mailed", "added"]
    write = _Lines(guarded)
    yield (BOM if guarded else "") + write([*head, *(field.key for field in fields)])
    for batch in _batches(found):
        mailable = standing.of_many(workspace.pk, batch)
        for contact in batch:
            yield write(_row(contact, mailable[contact.pk].mailable, fields))


def problems(imported: Import) -> Iterator[str]:
    """The rows that were not simply taken, with the reason in the reader's language and the row as written."""
    write = _Lines(guarded=True)
    yield BOM + write([_("Row"), _("Result"), _("Reason"), _("As written")])
    found = ImportRow.objects.filter(imported=imported).order_by("row", "pk")
    for row in found.iterator(BATCH):
        reason = words_of_row(row.category, row.reason, row.detail)
        yield write([row.row, CATEGORIES[row.category], reason, row.raw])


def _row(contact: Contact, mailable: bool, fields: list[Field]) -> list[Any]:
    lists = sorted(row.list.name for row in contact.subscriptions.all() if row.state == "subscribed")
    return [
        contact.address,
        contact.first_name,
        contact.last_name,
        contact.language,
        ", ".join(contact.tags),
        ", ".join(lists),
        "yes" if mailable else "no",
        contact.created_at.date().isoformat(),
        *(_cell(contact.fields.get(field.key)) for field in fields),
    ]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _batches(found: QuerySet[Contact]) -> Iterator[list[Contact]]:
    """By keyset, oldest first; nothing is held open between the batches."""
    last = 0
    while True:
        page = found.filter(pk__gt=last).order_by("pk").prefetch_related("subscriptions__list")[:BATCH]
        batch = list(page)
        if not batch:
            return
        yield batch
        last = batch[-1].pk


class _Lines:
    """Rows to lines, every cell quoted."""

    def __init__(self, guarded: bool) -> None:
        self._guarded = guarded

    def __call__(self, cells: Iterable[Any]) -> str:
        buffer = io.StringIO()
        texts = [guard_formula(str(cell)) if self._guarded else str(cell) for cell in cells]
        csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(texts)
        return buffer.getvalue()
