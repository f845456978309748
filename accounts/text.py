"""What a name may not hold: it can end up in a header, a log line or a file name."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

# Cc: controls, CR, LF and NUL among them; Zl, Zp: U+2028 and U+2029, at which some programs break lines;
# Cs: lone surrogates, which no encoding takes.
_FORBIDDEN = {"Cc", "Zl", "Zp", "Cs"}

# Django's words for NUL, which every CharField says: its own Japanese asks for "some letters", ours stands before it.
gettext_noop("Null characters are not allowed.")


def control_character(text: str, *, allowed: str = "") -> int | None:
    """The place (from 1) of the first character that must not be there, or None."""
    for place, character in enumerate(text, start=1):
        if character not in allowed and unicodedata.category(character) in _FORBIDDEN:
            return place
    return None


def one_line(text: str) -> None:
    """Raises ValidationError for a line break or another control character."""
    _refuse(control_character(text))


def several_lines(text: str) -> None:
    """As `one_line`, but line breaks and tabs are welcome."""
    _refuse(control_character(text, allowed="\r\n\t"))


def _refuse(place: int | None) -> None:
    if place is not None:
        raise ValidationError(
            _("A line break or control character at position %(place)d cannot stay."),
            code="control_character",
            params={"place": place},
        )
