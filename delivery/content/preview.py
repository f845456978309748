"""How a letter looks to one person: real words, links that lead nowhere, no pixel, the person's values outlined."""

from __future__ import annotations

import html as htmllib
import re
from dataclasses import dataclass, replace

from . import slots as slotting
from .message import Addressed, Identity, Skeleton
from .pieces import Piece, split
from .protect import Scanner
from .render import Renderer, Values, WireRenderer
from .source import Frozen, Part, Slots

_FIELD = re.compile(r"""contact(?:\.(\w+)|\[\s*(["'])(.*?)\2\s*\])""")
_PRINT = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}", re.DOTALL)
_HREF = re.compile(r"""(<(?:a|area|v:[a-z]+)\b[^<>]*?)\shref\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_REFRESH = re.compile(r"<meta\b[^>]*http-equiv[^>]*>", re.IGNORECASE)

# Colours that show on paper and in the dark; set here because a mail has no style sheet of ours.
_STYLES = {
    "value": "outline:1px dashed #8a93a3;outline-offset:1px",
    "fallback": "outline:2px dashed #b57f17;outline-offset:1px",
    "missing": "outline:2px dashed #be463b;outline-offset:1px;color:#a82a22;background:#fbeae7",
}
_EXAMPLE = "https://example.com/"


@dataclass(frozen=True, slots=True)
class Preview:
    """One person's copy. `missing` names the fields that this person has no value for."""

    subject: str
    preheader: str
    html: str
    text: str
    headers: str
    source: str
    missing: tuple[str, ...]


def preview(
    frozen: Frozen,
    person: Values,
    *,
    identity: Identity,
    to: str,
    to_name: str = "",
    second: int = 0,
    campaign: Values | None = None,
    workspace: Values | None = None,
) -> Preview:
    """Raises RenderLimit and BadHeader, like a send. Headers and source are those of an unsigned copy."""
    addresses = Slots(*[_EXAMPLE + name for name in ("c/", "o", "unsubscribe", "preferences", "view")])
    outlined = replace(frozen, html=outline(slotting.untracked(frozen).html))
    shown = Renderer(outlined, campaign=campaign, workspace=workspace, tracked=False).render(person, addresses)
    plain = Renderer(
        replace(frozen, subject=frozen.preheader, html=""), campaign=campaign, workspace=workspace, tracked=False
    ).render(person, addresses)
    wire = WireRenderer(frozen, campaign=campaign, workspace=workspace, tracked=False)
    addressed = Addressed(1, to, to_name, second, "preview", addresses.unsubscribe)
    data = Skeleton(identity, wire.encodings, frozen.hash).build(addressed, wire.encode(person, addresses)).decode()
    return Preview(
        subject=" ".join(shown.subject.split()),
        preheader=" ".join(plain.subject.split()),
        html=inert(shown.html),
        text=plain.text,
        headers=data.partition("\r\n\r\n")[0].replace("\r\n", "\n"),
        source=data.replace("\r\n", "\n"),
        missing=tuple(name for name in frozen.fields if person.get(name) in (None, "", [])),
    )


def outline(html: str) -> str:
    """The HTML template with every printed contact field in an outlined span that says where it comes from.

    Values inside attributes stay as they are: a span there would break the tag.
    """
    scanner = Scanner()
    parts = []
    for piece in split(Part.HTML, html):
        if not piece.is_tag:
            scanner.feed(piece.text)
        parts.append(_outlined(piece) if piece.is_tag and piece.prints and scanner.context == "text" else piece.text)
    return "".join(parts)


def inert(html: str) -> str:
    """A finished mail for looking at: a click leads nowhere and the address shows as a title; nobody is counted."""
    html = _REFRESH.sub("", html)

    def link(match: re.Match[str]) -> str:
        address = htmllib.escape(htmllib.unescape(match[2].strip("\"'")))
        return f'{match[1]} href="#" title="{address}"'

    return _HREF.sub(link, html)


def _outlined(piece: Piece) -> str:
    printed, found = _PRINT.fullmatch(piece.text), _FIELD.search(piece.text)
    if not printed or not found:
        return piece.text
    expression, field = printed[1].strip(), found[0]
    name = htmllib.escape(found[1] or found[3], quote=True).replace("{", "&#123;")
    empty = f'({field} is undefined or {field} == "")'
    return (
        f"{{% if {empty} %}}{{% if ({expression}) %}}{_span('fallback', name)}{piece.text}</span>"
        f"{{% else %}}{_span('missing', name)}{name}</span>{{% endif %}}"
        f"{{% else %}}{_span('value', name)}{piece.text}</span>{{% endif %}}"
    )


def _span(state: str, name: str) -> str:
    return f'<span class="shirase-{state}" data-field="{name}" title="{name}" style="{_STYLES[state]}">'
