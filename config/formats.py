"""How figures and times are written, in both languages. Values in, text out."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

EN_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EN_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
JA_DAYS = "月火水木金土日"


def number(value: int | float | Decimal | None) -> str:
    """`98,412`; a dash where there is no figure."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def share(part: int | None, whole: int | None, *, fine: bool = False) -> str:
    """`97.7%`. Two decimals below 0.1 % and where `fine` (complaints). 0 % only for none, 100 % only for all."""
    if not whole or part is None:
        return "–"
    if part == 0:
        return "0%"
    if part >= whole:
        return "100%"
    percent = Decimal(part) * 100 / Decimal(whole)
    if percent < Decimal("0.01"):
        return "<0.01%"
    step = Decimal("0.01") if fine or percent < Decimal("0.1") else Decimal("0.1")
    rounded = percent.quantize(step, ROUND_HALF_UP)
    return f"{percent.quantize(step, ROUND_DOWN) if rounded >= 100 else rounded}%"


def whole_percent(part: int, whole: int) -> str:
    """`37%` for progress: rounded down, so that 100 % means done."""
    return f"{part * 100 // whole}%" if whole else "0%"


def date(moment: dt.date, language: str, *, year: bool = True) -> str:
    """`2026年11月27日(金)` or `Fri 27 Nov 2026`."""
    if language == "ja":
        return f"{f'{moment.year}年' if year else ''}{moment.month}月{moment.day}日({JA_DAYS[moment.weekday()]})"
    text = f"{EN_DAYS[moment.weekday()]} {moment.day} {EN_MONTHS[moment.month - 1]}"
    return f"{text} {moment.year}" if year else text


def clock(moment: dt.datetime, language: str, *, seconds: bool = False) -> str:
    """`9:04` in Japanese, `09:04` in English."""
    tail = f":{moment.second:02}" if seconds else ""
    hour = f"{moment.hour}" if language == "ja" else f"{moment.hour:02}"
    return f"{hour}:{moment.minute:02}{tail}"


def moment_text(moment: dt.datetime, language: str, style: str, *, today: dt.date) -> str:
    """A time already in the reader's zone. Styles: full, short (without this year), date, time, seconds."""
    if style == "time":
        return clock(moment, language)
    if style == "seconds":
        return clock(moment, language, seconds=True)
    year = style == "full" or moment.year != today.year
    day = date(moment.date(), language, year=year)
    if style == "date":
        return day
    return f"{day} {clock(moment, language)}" if language == "ja" else f"{day}, {clock(moment, language)}"
