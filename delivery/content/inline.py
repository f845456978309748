"""CSS moved into style attributes, once, at the freeze: many mail programs read nothing else.

Two inliners behind one interface. Neither may load anything from anywhere.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping

import css_inline
from premailer import Premailer

_TBODY = re.compile(r"</?tbody>")

Inliner = Callable[[str], str]  # a whole HTML document in, the same with style attributes out


def with_premailer(html: str) -> str:
    """premailer: keeps the document as it is; skips CSS that cssutils does not know."""
    return str(
        Premailer(
            html,
            keep_style_tags=True,  # media queries and :hover live there
            strip_important=False,
            remove_classes=False,
            align_floating_images=False,
            disable_validation=True,
            disable_link_rewrites=True,
            allow_network=False,
            allow_loading_external_files=False,
            cache_css_parsing=False,
            cssutils_logging_level=logging.CRITICAL,
        ).transform(pretty_print=False)
    )


@functools.cache
def _css_inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


def with_css_inline(html: str) -> str:
    """css-inline: knows modern CSS; repairs the document as a browser would, moving text out of tables."""
    inlined = _css_inliner().inline(html)
    # A browser puts rows into a <tbody>; around the rows of a loop it would be opened once and closed often.
    return inlined if "<tbody" in html.lower() else _TBODY.sub("", inlined)


INLINERS: Mapping[str, Inliner] = {"premailer": with_premailer, "css-inline": with_css_inline}
