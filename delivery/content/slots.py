"""The places in a frozen letter that each message fills: numbered links and the open pixel."""

from __future__ import annotations

import re
from dataclasses import replace

from markupsafe import escape

from .source import Frozen

CLICK = "{{ _click }}"  # the link's number follows
PIXEL = '<img src="{{ _open }}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'

_SLOT = re.compile(re.escape(CLICK) + r"(\d+)")


def untracked(frozen: Frozen) -> Frozen:
    """The same letter with its links' own targets and without the pixel. A target never holds a brace."""
    html = _SLOT.sub(lambda match: escape(frozen.links[int(match[1])]), frozen.html)
    text = _SLOT.sub(lambda match: frozen.links[int(match[1])], frozen.text)
    return replace(frozen, html=html.replace(PIXEL, ""), text=text)
