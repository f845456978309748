"""One person's copy of a frozen letter. Compiled once a mailing, then about 40 µs a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2.compiler import CodeGenerator

from . import slots as slotting
from .mime import SOFT_BREAK, Encoding, base64_body, qp_alone, suited_to
from .sandbox import Compiled, compile_part
from .source import Frozen, Part, Rendered, Slots
from .wire import QuotedPrintable

Values = Mapping[str, Any]  # plain values by name: str, int, float, bool, and lists and dicts of them


@dataclass(frozen=True, slots=True)
class Encoded:
    """One person's copy as it travels: ASCII bodies in the encoding that their parts are labelled with."""

    subject: str
    html: str
    text: str


class Renderer:
    """Renders a frozen letter as plain strings: for previews, tests and whoever wants to read it.

    `campaign` and `workspace` are the same for everyone; links lead through the tracking address
    unless `tracked` is off, then straight to their targets and without a pixel.
    """

    def __init__(
        self, frozen: Frozen, *, campaign: Values | None = None, workspace: Values | None = None, tracked: bool = True
    ) -> None:
        self.frozen = frozen if tracked else slotting.untracked(frozen)
        self._scope: dict[str, Any] = {
            "campaign": dict(campaign or {}),
            "workspace": dict(workspace or {}),
            "_language": frozen.language,
        }
        self._subject = compile_part(Part.SUBJECT, self.frozen.subject)
        self._html = self._compile(Part.HTML, self.frozen.html)
        self._text = self._compile(Part.TEXT, self.frozen.text)

    def _compile(self, part: Part, source: str) -> Compiled:
        return compile_part(part, source, private=True)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The root names in use: a preferences address that nobody shows need not be made."""
        return frozenset(self._html.reads.names) | frozenset(self._text.reads.names)

    def render(self, person: Values, slots: Slots) -> Rendered:
        """Raises RenderLimit: then this message is held."""
        values = self._values(person, slots)
        return Rendered(
            subject=self._subject.render(dict(values)),
            html=self._html.render({**values, "_click": slots.click, "_open": slots.open}),
            text=self._text.render({**values, "_click": slots.click}),
        )

    def _values(self, person: Values, slots: Slots) -> dict[str, Any]:
        return {
            **self._scope,
            # The sandbox reads fields from dicts and from nothing else.
            "contact": person if type(person) is dict else dict(person),
            "unsubscribe_url": slots.unsubscribe,
            "preferences_url": slots.preferences,
            "view_url": slots.view,
        }


class WireRenderer(Renderer):
    """The same letter, straight into its MIME encodings: what the sender uses."""

    def _compile(self, part: Part, source: str) -> Compiled:
        generator = QuotedPrintable if suited_to(source) is Encoding.QUOTED_PRINTABLE else CodeGenerator
        return compile_part(part, source, private=True, generator=generator)

    @cached_property
    def encodings(self) -> tuple[Encoding, Encoding]:
        """Of the HTML and of the text part."""
        return suited_to(self.frozen.html), suited_to(self.frozen.text)

    def encode(self, person: Values, slots: Slots) -> Encoded:
        """Raises RenderLimit: then this message is held. The slots' addresses hold nothing that HTML would escape."""
        values = self._values(person, slots)
        html_encoding, text_encoding = self.encodings
        return Encoded(
            subject=self._subject.render(dict(values)),
            html=_body(self._html, values, html_encoding, slots),
            text=_body(self._text, values, text_encoding, slots),
        )


def _body(part: Compiled, values: dict[str, Any], encoding: Encoding, slots: Slots) -> str:
    if encoding is Encoding.BASE64:
        return base64_body(part.render({**values, "_click": slots.click, "_open": slots.open}))
    # Encoded before rendering: the same address stands in every link of a message.
    wired = {"_click": qp_alone(slots.click), "_open": qp_alone(slots.open)}
    return part.render({**values, **wired}).removeprefix(SOFT_BREAK)
