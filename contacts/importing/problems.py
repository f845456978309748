"""Why a file cannot be read, and why a row was not simply taken: codes here, words for people on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from contacts.addresses import AddressProblem
from contacts.models import Suppression


@dataclass(eq=False)  # not frozen: contextlib sets the traceback of what passes it
class FileProblem(Exception):
    """The whole file is refused and nothing changes. `params` name the place."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return words_of_file_problem(self.code, self.params)

    def __str__(self) -> str:
        return f"{self.code} {self.params}"


_FILE: dict[str, str | Promise] = {
    "archive": gettext_lazy(
        "“%(name)s” is a ZIP archive or an Excel workbook (it begins with PK). Save it as CSV first."
    ),
    "gzip": gettext_lazy("“%(name)s” is compressed (gzip). Unpack it and choose the CSV inside."),
    "other_kind": gettext_lazy("“%(name)s” is a %(kind)s file, not a CSV. Export the people as CSV."),
    "empty": gettext_lazy("“%(name)s” is empty."),
    "nul": gettext_lazy("Line %(line)s holds a NUL byte: the file is damaged, or no text. Export it again as CSV."),
    "long_line": gettext_lazy("Line %(line)s is longer than %(limit)s bytes. Is every person on a line of their own?"),
    "too_big": gettext_lazy("The file is larger than %(limit)s MB. Split it, and import the parts one after another."),
    "no_address_column": gettext_lazy(
        "No column of “%(name)s” holds email addresses. We looked at the first %(rows)s rows of: %(columns)s."
    ),
    "too_many_columns": gettext_lazy("Line 1 has %(columns)s columns; %(limit)s is the most we read."),
    "quote": gettext_lazy(
        "A quotation mark opened in line %(line)s is never closed. Put the line right and upload again."
    ),
    "carriage_return": gettext_lazy(
        "Line %(line)s holds a carriage return (CR) that ends no line. "
        "Take it out, or put the cell in quotation marks, and upload again."
    ),
    "broke_off_checking": gettext_lazy(
        "The dry run broke off: an unexpected error came again at every try. Nothing was imported. "
        "Your administrator finds the error in the log of the server."
    ),
    "broke_off_importing": gettext_lazy(
        "The import broke off: an unexpected error came again at every try. "
        "What was written so far stays, and you can undo it. "
        "Your administrator finds the error in the log of the server."
    ),
    "broke_off_undoing": gettext_lazy(
        "The undo broke off: an unexpected error came again at every try. "
        "What was taken back so far stays taken back: start the undo again. "
        "Your administrator finds the error in the log of the server."
    ),
    "gone": gettext_lazy("The file is no longer kept here. Upload it again."),
}

_ROW: dict[str, str | Promise] = {
    "cells": gettext_lazy("The row has more cells than the file has columns."),
    "unreadable": gettext_lazy("Some letters cannot be read in this encoding."),
    "duplicate": gettext_lazy("The same address is in an earlier row."),
    "fixed": gettext_lazy("Full-width letters or spaces in the address were put right."),
    "kept_away": gettext_lazy("This person had left the list and stays off it."),
    "control": gettext_lazy("The cell holds a line break or another control character."),
    "long": gettext_lazy("The cell is too long."),
    "number": gettext_lazy("The cell is not a number."),
    "date": gettext_lazy("The cell is not a date like 2026-11-24."),
    "boolean": gettext_lazy("The cell is neither yes nor no."),
    "choice": gettext_lazy("The cell is none of the field’s choices."),
    "language": gettext_lazy("The cell is no language like en or ja."),
}
CATEGORIES: dict[str, str | Promise] = {
    "added": pgettext_lazy("import", "Added"),
    "updated": pgettext_lazy("import", "Updated"),
    "unchanged": pgettext_lazy("import", "Unchanged"),
    "duplicate": pgettext_lazy("import", "Duplicate in the file"),
    "invalid": pgettext_lazy("import", "Invalid"),
    "suppressed": pgettext_lazy("import", "Mail stopped"),
    "field": pgettext_lazy("import", "Cell left out"),
    "fixed": pgettext_lazy("import", "Put right"),
    "kept": pgettext_lazy("import", "Stays off the list"),
}
"""The first six add up to the rows of the file; the last three are notes on rows that were taken."""
OF_ROWS = ("added", "updated", "unchanged", "duplicate", "invalid", "suppressed")


def words_of_file_problem(code: str, params: dict[str, Any]) -> str:
    return str(_FILE[code]) % params


def words_of_row(category: str, reason: str, detail: str = "") -> str:
    """Why, in the reader's language. `detail` names the column or the earlier row."""
    if category == "suppressed":
        return _("Mail to this address is stopped: %(reason)s.") % {"reason": Suppression.Reason(reason).label}
    if category == "invalid" and reason not in _ROW:
        return AddressProblem(reason).words
    words = str(_ROW[reason])
    if category == "duplicate":
        return _("The same address is in row %(row)s.") % {"row": detail}
    return f"{detail}: {words}" if detail and category == "field" else words
