"""What the import pages say of columns, targets and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from contacts.addresses import Address, parse
from contacts.importing.mapping import guess_kind
from contacts.importing.problems import CATEGORIES, OF_ROWS, words_of_row
from contacts.models import Field, Import

Options = list[tuple[str, str]]

# Category → tone of its square, for those that add up and for the notes.
TONES = {
    "added": "done",
    "updated": "run",
    "unchanged": "idle",
    "duplicate": "ghost",
    "invalid": "stop",
    "suppressed": "wait",
}


def targets(workspace_id: int) -> list[tuple[str, Options]]:
    """Groups of (value, words) for the select of a column."""
    fields = Field.objects.of(workspace_id).order_by("label").values_list("key", "label")
    groups: list[tuple[str, Options]] = [
        ("", [("", _("Do not import"))]),
        (_("About the person"), _own_targets()),
        (_("Your fields"), [(f"field:{key}", label) for key, label in fields]),
        (_("A new field with the column’s name"), _new_targets()),
    ]
    return [(name, options) for name, options in groups if options]


def _own_targets() -> Options:
    return [
        ("address", _("Email address")),
        ("first_name", _("First name")),
        ("last_name", _("Last name")),
        ("full_name", _("Full name")),
        ("language", _("Language")),
        ("tags", _("Tags")),
        ("consent", _("Consent (yes or no)")),
    ]


def _new_targets() -> Options:
    return [
        ("new:text", _("New text field")),
        ("new:number", _("New number field")),
        ("new:date", _("New date field")),
        ("new:boolean", _("New yes-or-no field")),
    ]


def columns_seen(imported: Import, samples: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """A row of the mapping table for each column: name, first values, target, what we see."""
    return [
        _column(place, name, target, [row[place] if place < len(row) else "" for row in samples])
        for place, (name, target) in enumerate(zip(imported.columns, imported.mapping, strict=True))
    ]


def _column(place: int, name: str, target: str, cells: list[str]) -> dict[str, Any]:
    icon, tone, words = _seen(target, cells)
    return {
        "place": place,
        "name": name or _("Column %(n)s") % {"n": place + 1},
        "samples": cells[:3],
        "target": target,
        "icon": icon,
        "tone": tone,
        "seen": words,
    }


def _seen(target: str, cells: list[str]) -> tuple[str, str, str]:
    """(icon, tone, sentence): only what the first rows show; the dry run reads them all."""
    filled = [cell for cell in cells if cell.strip()]
    if target == "address":
        return _addresses_seen(cells)
    if not target:
        return "minus", "mute", _("Left out.")
    words = _("Filled in %(filled)s of the first %(rows)s rows.") % {"filled": len(filled), "rows": len(cells)}
    if target.startswith("new:"):
        kinds = {"text": _("Text."), "number": _("Looks like numbers."), "date": _("Looks like dates.")}
        return "circle-plus", "run", _both(kinds[guess_kind(filled)], words)
    return "circle-check", "done", words


def _both(first: str, second: str) -> str:
    """Two sentences, with a space between them where the language writes one."""
    return _("%(first)s %(second)s") % {"first": first, "second": second}


def _addresses_seen(cells: list[str]) -> tuple[str, str, str]:
    found = [parse(cell) for cell in cells]
    valid = [address for address in found if isinstance(address, Address)]
    fixed = sum(address.fixed for address in valid)
    words = _("%(valid)s of the first %(rows)s are valid.") % {"valid": len(valid), "rows": len(cells)}
    if fixed:
        more = ngettext(
            "%(n)s with full-width letters or spaces will be put right.",
            "%(n)s with full-width letters or spaces will be put right.",
            fixed,
        )
        words = _both(words, more % {"n": fixed})
    good = len(valid) == len(cells)
    return ("circle-check", "done", words) if good else ("alert-triangle", "wait", words)


def categories(imported: Import, counts: dict[str, int]) -> dict[str, Any]:
    """The result: what adds up to the rows of the file, and the notes on rows that were taken."""
    rows = [{"key": key, "label": CATEGORIES[key], "tone": TONES[key], "n": counts.get(key, 0)} for key in OF_ROWS]
    notes = [{"key": key, "words": _note(key, counts[key])} for key in ("kept", "field", "fixed") if counts.get(key)]
    return {
        "rows": [row for row in rows if row["n"]],
        "by_key": {key: counts.get(key, 0) for key in OF_ROWS},
        "notes": notes,
        "total": sum(counts.get(key, 0) for key in OF_ROWS),
        "not_taken": sum(counts.get(key, 0) for key in ("duplicate", "invalid", "suppressed")),
        "taken": sum(counts.get(key, 0) for key in ("added", "updated", "unchanged")),
    }


def _note(key: str, n: int) -> str:
    texts: dict[str, str] = {
        "kept": ngettext(
            "%(n)s person had left one of these lists and stays off it.",
            "%(n)s people had left one of these lists and stay off it.",
            n,
        ),
        "field": ngettext(
            "%(n)s cell did not fit its field and was left out.",
            "%(n)s cells did not fit their field and were left out.",
            n,
        ),
        "fixed": ngettext(
            "%(n)s address had full-width letters or spaces, which were put right.",
            "%(n)s addresses had full-width letters or spaces, which were put right.",
            n,
        ),
    }
    return texts[key] % {"n": f"{n:,}"}


def first_problems(imported: Import, limit: int = 20) -> list[dict[str, Any]]:
    """The first rows that were not simply taken, in words."""
    return [
        {
            "row": row.row,
            "category_words": CATEGORIES[row.category],
            "words": words_of_row(row.category, row.reason, row.detail),
            "raw": row.raw,
        }
        for row in imported.problems.order_by("row", "pk")[:limit]
    ]


def undo_words(imported: Import) -> list[str | Promise]:
    """What the undo did."""
    done = imported.undone
    if not done:
        return []
    sentences = [
        (done.get("removed", 0), pgettext("undo", "%(n)s people who came with this file were removed.")),
        (done.get("stayed", 0), pgettext("undo", "%(n)s stayed, since something has happened with them since.")),
        (done.get("restored", 0), pgettext("undo", "%(n)s people have their earlier values again.")),
        (done.get("kept_values", 0), pgettext("undo", "%(n)s keep their values, which somebody changed since.")),
        (done.get("left_lists", 0), pgettext("undo", "%(n)s places on lists were taken back.")),
    ]
    return [words % {"n": f"{n:,}"} for n, words in sentences if n]
