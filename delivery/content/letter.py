"""A simple letter: paragraphs of plain text, and the quiet HTML around them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import escape

from .links import TEXT_URL, trimmed
from .pieces import split
from .source import Part

_ONLY_TAGS = re.compile(r"\s*(?:\x00\d+\x00\s*)+")
# A variable may be a part of an address.
_ADDRESS = re.compile(rf"{TEXT_URL.pattern}(?:\x00\d+\x00[!-;=?-~]*)*", re.IGNORECASE)
_HELD = re.compile(r"\x00(\d+)\x00")

_ADDRESS_LINES = re.compile(r"\{\{\s*workspace\.postal_address\s*\}\}")

_FOOTER: Mapping[str, str] = {
    "en": ("--\n{{ workspace.legal_name }}\n{{ workspace.postal_address }}\n\nUnsubscribe: {{ unsubscribe_url }}\n"),
    "ja": ("--\n{{ workspace.legal_name }}\n{{ workspace.postal_address }}\n\n配信停止: {{ unsubscribe_url }}\n"),
}
_WORDS = {"en": "Unsubscribe", "ja": "配信停止"}

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}
.page {{ max-width: 600px; margin: 0 auto; padding: 24px 20px; font-size: 16px; line-height: 1.7; color: #1f2328; \
font-family: {fonts}; }}
.page p {{ margin: 0 0 18px; }}
.small {{ font-size: 13px; line-height: 1.6; color: #57606a; border-top: 1px solid #d0d7de; padding-top: 16px; }}
.small p {{ margin: 0 0 10px; }}
.page a {{ color: #1f4fa3; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #14171c !important; }}
  .page {{ color: #e6e8eb !important; }}
  .small {{ color: #a5adb8 !important; border-color: #3a414c !important; }}
  .page a {{ color: #9db8f5 !important; }}
}}
</style>
</head>
<body style="margin:0;padding:0">
<div class="page" role="article">
{body}
</div>
</body>
</html>
"""
_FONTS = {
    "en": "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif",
    "ja": "'Hiragino Sans', 'Noto Sans JP', Meiryo, sans-serif",
}


def with_footer(text: str, language: str) -> str:
    """The letter with the sender's name and address and the way to stop it, unless its author wrote one."""
    if "unsubscribe_url" in text:
        return text
    return text.rstrip() + "\n\n" + _FOOTER.get(language[:2], _FOOTER["en"])


def as_html(text: str, *, title: str, language: str) -> str:
    """The letter's HTML template. Raises TemplateProblem where the text cannot be read."""
    body, mark, footer = text.partition("\n--\n")
    parts = [_paragraphs(body)]
    if mark:
        parts.append(f'<div class="small">\n{_paragraphs(footer)}\n</div>')
    fonts = _FONTS.get(language[:2], _FONTS["en"])
    page = _PAGE.format(language=escape(language), title="\x01", fonts=fonts, body="\x02")
    html = page.replace("\x01", title).replace("\x02", "\n".join(parts))
    html = _ADDRESS_LINES.sub("{{ workspace.postal_address|line_breaks }}", html)
    return _named_unsubscribe(html, _WORDS.get(language[:2], _WORDS["en"]))


def _paragraphs(text: str) -> str:
    """Blank lines part paragraphs. A line of nothing but {% … %} stands between them, so that none is torn."""
    pieces = split(Part.TEXT, text)
    held = [piece.text for piece in pieces if piece.is_tag]
    numbers = iter(range(len(held)))
    data = "".join(f"\x00{next(numbers)}\x00" if piece.is_tag else piece.text for piece in pieces)
    paragraphs: list[str] = []
    lines: list[str] = []
    for line in [*data.split("\n"), ""]:
        alone = _ONLY_TAGS.fullmatch(line) and not any(held[int(n)].startswith("{{") for n in _HELD.findall(line))
        if line.strip() and not alone:
            lines.append(_linked(line.strip()))
            continue
        if lines:
            paragraphs.append("<p>" + "<br>\n".join(lines) + "</p>")
            lines = []
        if alone:
            paragraphs.append(line.strip())
    return _HELD.sub(lambda match: held[int(match[1])], "\n".join(paragraphs))


def _linked(line: str) -> str:
    """One line with its web addresses as links, the rest escaped."""
    parts: list[str] = []
    read = 0
    for match in _ADDRESS.finditer(line):
        at, address = match.start(), trimmed(match[0])
        shown = escape(address)
        parts += [str(escape(line[read:at])), f'<a href="{shown}">{shown}</a>']
        read = at + len(address)
    return "".join([*parts, str(escape(line[read:]))])


def _named_unsubscribe(html: str, words: str) -> str:
    """`Unsubscribe: https://…` reads better as a word to click on."""
    link = '<a href="{{ unsubscribe_url }}">' + words + "</a>"
    pattern = r"(?:" + re.escape(words) + r"\s*[::]\s*)?(?<![\"'])\{\{\s*unsubscribe_url\s*\}\}"
    return re.sub(pattern, lambda match: link, html)
