"""Cells of exported tables that no spreadsheet takes for a formula (CSV injection). Pure."""

from __future__ import annotations

# Also the full-width forms, which Excel in Japanese reads as the same.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """The text, with a quote before it where a spreadsheet would compute it."""
    return "'" + text if text.lstrip(" ").startswith(STARTS) else text
