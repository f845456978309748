"""Lotus Notes and Domino."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import Form, notices, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

# Since release 5: "was not delivered to:", the addresses, "because:", the reason, in pairs.
_PAIRS = re.compile(
    r"(?:was not delivered to|wurde nicht zugestellt an|n'a pas été remis à|no se ha entregado a"
    r"|次の宛先に配信されませんでした)"
    r"[ ]?[:：]\s{1,40}(?P<to>[^\n]{1,400}(?:\n[ ]{1,8}\S[^\n]{0,500}){0,50})\s{1,40}"
    r"(?:because|weil|da|parce que|porque|理由)[ ]?[:：]\s{1,40}"
    r"(?P<said>[^\n]{1,1500}(?:\n[ ]{1,8}\S[^\n]{0,500}){0,5})"
)
_OLD = Form(
    opens=("Failure Reasons",),
    names=(re.compile(r"\s{0,8}(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})\s*$"),),
    skips=re.compile(r"^-{3,}"),
)
_UNLISTED = re.compile(r"not listed in|見つかりません|リストにありません|nicht im|non répertorié")
_NAME = re.compile(r"\bUser .{1,300}? not listed", re.DOTALL)
_REASON = re.compile(r"(?m)^-{3,60} ?Failure Reasons? {0,3}-{3,}\s{1,20}([^\n]{3,500})")


def read(letter: Letter) -> list[Notice]:
    pairs = [(to.strip(), match["said"]) for match in _PAIRS.finditer(letter.text) for to in match["to"].split("\n")]
    found = told((address_in(to), said) for to, said in pairs[:200] if address_in(to))
    return [_sure(each) for each in found or _notes(letter)]


def _sure(each: Notice) -> Notice:
    """Its directory knows of every address whether it exists; the name between the words is the person's own."""
    if each.command or not _UNLISTED.search(each.diagnostic):
        return each
    return replace(each, command="rcpt", diagnostic=_NAME.sub("User not listed", each.diagnostic))


def _notes(letter: Letter) -> list[Notice]:
    """Release 4 writes the reason above the address, and the address may be missing."""
    reason = _REASON.search(letter.text)
    if not reason:
        return []
    people = [each.recipient for each in notices(letter.text, _OLD)] or [letter.returned_to]
    return told((to, reason[1]) for to in people)
