"""Google: Gmail's old free text, today's "** Address not found **", and groups, in any language."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import ADDRESS, addresses_in
from delivery.bounces.dialects.blocks import Form, notice, notices
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_FORM = Form(
    opens=("Delivery to the following recipient", "Delivery to the following recipients"),
    names=(re.compile(r"\s{1,12}(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})\s*$"),),
)
_QUOTE = re.compile(r"(?:server (?:re-?)?\s?turned was:|remote server was:|response was:)\s{0,9}(.{1,2000})", re.DOTALL)
_UNFOUND = re.compile(r"address (?:couldn't|could not) be found|Address not found")
_LATE = re.compile(
    r"has been delayed|WARNING MESSAGE ONLY|Delivery incomplete|will retry|will be retried|gave up.{0,9}retry"
)


def read(letter: Letter) -> list[Notice]:
    if "google" not in letter.sender.lower() and not letter.get("x-failed-recipients"):
        return []
    found = notices(letter.text, _FORM)
    if found:
        return [_aimed(each, letter) for each in found]
    if letter.text.lstrip().startswith("** ") or "\n** " in letter.text or "groups.google.com" in letter.text:
        return [_aimed(notice(to, letter.text), letter) for to in _named(letter)]
    return []


def _named(letter: Letter) -> list[str]:
    failed = [match[0].lower() for match in ADDRESS.finditer(letter.get("x-failed-recipients"))]
    own = {"", *addresses_in(letter.get("to"))}
    said = next((to for to in addresses_in(letter.text[:2000]) if to not in own), "")
    return failed[:200] or [letter.returned_to or said]


def _aimed(each: Notice, letter: Letter) -> Notice:
    """Its own words are long; what the other server said is at their end."""
    quote = _QUOTE.search(letter.text)
    said = notice(each.recipient, quote[1]) if quote else each
    command = "rcpt" if _UNFOUND.search(letter.text) else said.command
    action = "delayed" if _LATE.search(letter.text) else "failed"
    return replace(said, host=each.host or said.host, action=action, command=command)
