"""qmail, its clones, and those who write like it (Yahoo, X2, X4): "<address>:" on a line, the story below."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.dialects.blocks import Form, notices
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_OPENINGS = (
    "Hi. This is the",
    "This is the qmail",
    "I'm afraid I wasn't able to deliver",
    "Sorry, we were unable to deliver your message",
    "nable to deliver message to the following address",
    "unable to deliver your message to the following address",
    "your mail was not delivered to the following address",
    "Your mail message to the following address",
    "Your message to the following addresses",
    "machine generated message from mail service",
    "This is the mail delivery agent at",
    "Su mensaje no pudo ser entregado",
    "He/Her is not ",
    "We're sorry.",
    "could not be delivered to the following",
)
_FORM = Form(
    opens=_OPENINGS,
    names=(re.compile(r"<(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})>\s?:(?P<said>.*)"),),
    ends=re.compile(r"^---? ?(?:Below|Enclosed|Original)|^Content-Type: message/rfc822"),
)


_YAHOO = "Sorry, we were unable to deliver your message"


def read(letter: Letter) -> list[Notice]:
    found = notices(letter.text, _FORM)
    return [_answered(each) for each in found] if _YAHOO in letter.text else found


def _answered(each: Notice) -> Notice:
    """Yahoo seldom says to what; an answer that repeats the address was one to RCPT."""
    return (
        replace(each, command="rcpt") if f"<{each.recipient}>" in each.diagnostic.lower() and not each.command else each
    )
