"""From a letter's source to its frozen form: everything that can be done once is done here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace

from . import letter, plain_text
from .headers import CONTROL
from .inline import Inliner, with_premailer
from .links import Links, number_html, number_text
from .pieces import as_html
from .protect import protect
from .sandbox import compile_part
from .slots import PIXEL
from .source import Frozen, Kind, Part, Source, TemplateProblem, gettext_noop

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_HTML = re.compile(r"<html\b([^>]*)>", re.IGNORECASE)
_END = re.compile(r"</html\s*>", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype[^>]*>", re.IGNORECASE)
_INDENT = re.compile(r"[ \t]*\n[ \t\n]*")
# Behind the preview text, so that an inbox does not go on with the letter's first words.
_FILLER = "&#847;&zwnj;&nbsp;" * 40
_PREHEADER = (
    '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;font-size:1px;line-height:1px;'
    'mso-hide:all" aria-hidden="true">{text}{filler}</div>'
)
_DOCUMENT = (
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>'
    '<body style="margin:0">{body}</body></html>'
)


def freeze(source: Source, *, headers: Mapping[str, str] | None = None, inliner: Inliner = with_premailer) -> Frozen:
    """The letter as it will be sent. Raises TemplateProblem, naming what and where."""
    check(source)
    html, text = written_out(source)
    links = Links()
    frozen_html = _frozen_html(document(html, source), as_html(Part.PREHEADER, source.preheader), links, inliner)
    frozen_text = number_text(text, links)
    parts = {Part.SUBJECT: source.subject, Part.HTML: frozen_html, Part.TEXT: frozen_text}
    fields = sorted({name for part, body in parts.items() for name in _fields(part, body)})
    unhashed = Frozen(
        hash="",
        subject=source.subject,
        preheader=source.preheader,
        html=frozen_html,
        text=frozen_text,
        links=tuple(links.urls),
        fields=tuple(fields),
        link_texts=tuple(links.texts),
        headers=dict(headers or {}),
        language=source.language,
    )
    return replace(unhashed, hash=content_hash(unhashed))


def content_hash(frozen: Frozen) -> str:
    """SHA-256 over everything that a reader can tell apart; no recipient is in it."""
    values = {name: value for name, value in asdict(frozen).items() if name != "hash"}
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def check(source: Source) -> None:
    """Each part by itself, so that an error names the line that its author sees. Raises TemplateProblem."""
    control = CONTROL.search(source.subject)
    if control:
        message = gettext_noop("The subject must be one line, without control characters.")
        raise TemplateProblem(Part.SUBJECT, 1, control.start() + 1, message)
    for part in Part:
        body = getattr(source, part.value)
        compile_part(part, body)
        if "\0" in body:
            line = body.count("\n", 0, body.index("\0")) + 1
            raise TemplateProblem(part, line, 1, gettext_noop("There is a NUL character in the text."))


def written_out(source: Source) -> tuple[str, str]:
    """The HTML and the text template: what the author did not write is made from what they did."""
    if source.kind is not Kind.HTML:
        text = letter.with_footer(source.text, source.language) if source.kind is Kind.LETTER else source.text
        title = as_html(Part.SUBJECT, source.subject)
        return letter.as_html(text, title=title, language=source.language), text
    return source.html, source.text if source.text.strip() else plain_text.automatic(source.html)


def document(html: str, source: Source) -> str:
    """A whole document: a fragment gets the frame, and a document its language."""
    found = _HTML.search(html)
    if not found:
        title = as_html(Part.SUBJECT, source.subject)
        return (
            _DOCUMENT.format(language=source.language, title="\x00", body="\x01")
            .replace("\x00", title)
            .replace("\x01", html)
        )
    if re.search(r"\slang\s*=", found[1], re.IGNORECASE):
        return html
    return html[: found.start(1)] + f' lang="{source.language}"' + html[found.start(1) :]


def _frozen_html(html: str, preheader: str, links: Links, inliner: Inliner) -> str:
    protected = protect(html)
    # Inliners drop or move what stands around the root element.
    root, end = _HTML.search(protected.html), _END.search(protected.html)
    start, stop = root.start() if root else 0, end.end() if end else len(protected.html)
    before, after = protected.html[:start], protected.html[stop:]
    before = before if _DOCTYPE.search(before) else "<!doctype html>\n" + before
    inlined = inliner(protected.html[start:stop]).strip()
    numbered = number_html(protected, before + _without_indents(inlined) + after, links)
    return _with_extras(protected.restore(numbered), preheader)


def _without_indents(html: str) -> str:
    """Line breaks without the white space around them: smaller, and DKIM need not fold it for every message."""
    if re.search(r"<pre\b|<textarea\b|white-space", html, re.IGNORECASE):
        return html
    return _INDENT.sub("\n", html)


def _with_extras(html: str, preheader: str) -> str:
    """The preview text behind <body>, the pixel before </body>."""
    if preheader.strip():
        body = _BODY.search(html)
        at = body.end() if body else 0
        html = html[:at] + _PREHEADER.format(text="\x00", filler=_FILLER).replace("\x00", preheader) + html[at:]
    at = html.lower().rfind("</body")
    return html + PIXEL if at < 0 else html[:at] + PIXEL + html[at:]


def _fields(part: Part, body: str) -> list[str]:
    return list(compile_part(part, body, private=True).reads.fields)
