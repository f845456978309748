"""What a letter is made of, before and after the freeze, and what can be wrong with it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


def gettext_noop(message: str) -> str:
    """Marks a message for the translation catalogue; whoever shows it translates `problem.message`."""
    return message


class Part(enum.StrEnum):
    """Where in a letter something stands."""

    SUBJECT = "subject"
    PREHEADER = "preheader"  # the preview text beside the subject in an inbox
    HTML = "html"
    TEXT = "text"


class Kind(enum.StrEnum):
    """How a letter is written."""

    HTML = "html"  # HTML source; the text part is made from it unless somebody edits it
    LETTER = "letter"  # plain paragraphs in `text`; the HTML is made from them, and a footer with the way out is added
    NOTICE = "notice"  # the same without a footer: mail of our own that nobody subscribes to (invitations, resets)


@dataclass(frozen=True, slots=True)
class Source:
    """A letter as its author writes it, Jinja2 in every part. An empty `text` of an HTML letter is automatic."""

    kind: Kind
    subject: str
    preheader: str = ""
    html: str = ""
    text: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A letter as it will be sent: Jinja2 still, styles inlined, links numbered. No recipient's value in it."""

    hash: str
    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[str, ...]  # link number n is links[n]
    fields: tuple[str, ...]  # the contact fields that it reads
    link_texts: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person's copy, before MIME."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Slots:
    """The addresses of one message: what its numbered links, its pixel and its footer lead to."""

    click: str = ""  # "https://…/c/<token>/", the link's number follows
    open: str = ""
    unsubscribe: str = ""
    preferences: str = ""
    view: str = ""


class TemplateProblem(Exception):
    """The letter cannot be used: what is wrong and where. Lines and columns count from 1; 0 is "as a whole"."""

    def __init__(self, where: Part, line: int, column: int, message: str, **params: object) -> None:
        super().__init__(where, line, column, message, params)
        self.where = where
        self.line = line
        self.column = column
        self.message = message  # English, a key of the catalogue, with %(name)s for its params
        self.params = params

    def __str__(self) -> str:
        place = f"{self.where}, line {self.line}, column {self.column}: " if self.line else f"{self.where}: "
        return place + self.message % self.params


class RenderLimit(Exception):
    """Rendering for this person went over a limit, or failed: the message is held, nobody is sent half of it."""

    def __init__(self, message: str, *, where: Part | None = None, line: int = 0, **params: object) -> None:
        super().__init__(message, params)
        self.message = message  # English, a key of the catalogue, with %(name)s for its params
        self.params = params
        self.where = where
        self.line = line  # of the template, 0 when unknown

    def __str__(self) -> str:
        return self.message % self.params
