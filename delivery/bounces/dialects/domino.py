"""Lotus Notes and Domino."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import told
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
# The same in any language: two lines that end in a colon, addresses below the first, the reason below the second.
_ANY = re.compile(
    r"(?m)^\S[^\n]{0,120}[:：][ \t]{0,8}\n\s{1,20}"
    r"(?P<to>[^\s<>@]{1,320}@[^\s<>@]{1,255}(?:\n[ \t]{1,8}\S[^\n]{0,500}){0,50})"
    r"[ \t]{0,8}\n[ \t]{0,8}\n\S[^\n]{0,40}[:：][ \t]{0,8}\n[ \t]{0,8}\n[ \t]{1,8}"
    r"(?P<said>[^\n]{1,1500}(?:\n[ ]{1,8}\S[^\n]{0,500}){0,5})"
)
_A_DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d")  # of a receipt: it was delivered, or read, then
_UNLISTED = re.compile(
    r"not listed in|見つかりません|リスト(?:に|されて(?:い)?)(?:あり)?ません|nicht (?:im|in|auf)|(?:non|pas) répertorié"
    r"|no (?:aparece|figura|listado|está)|non (?:è )?(?:elencat|presente|inclus)|não (?:está )?listado"
)
_ITS_OWN = re.compile(r"Domino|Notes|Address Book|アドレス帳")
_NAME = re.compile(r"\bUser .{1,300}? not listed", re.DOTALL)
_REASONS = re.compile(r"(?m)^-{3,60} ?Failure Reasons? {0,3}-{3,60}")
_ALONE = re.compile(r"\s{0,8}<?[^\s<>]{1,320}@[^\s<>@]{1,255}>?\s{0,8}")


def read(letter: Letter) -> list[Notice]:
    matches = list(_PAIRS.finditer(letter.text)) or [
        match for match in _ANY.finditer(letter.text) if not _A_DATE.match(match["said"])
    ]
    pairs = [(to.strip(), match["said"]) for match in matches for to in match["to"].split("\n")]
    found = told((address_in(to), said) for to, said in pairs[:200] if address_in(to))
    return [sure(each) for each in found or _notes(letter)]


def sure(each: Notice) -> Notice:
    """Its directory knows of every address whether it exists; the name between the words is the person's own."""
    if each.command or not (_ITS_OWN.search(each.diagnostic) and _UNLISTED.search(each.diagnostic)):
        return each
    return replace(each, command="rcpt", diagnostic=_NAME.sub("User not listed", each.diagnostic))


def _notes(letter: Letter) -> list[Notice]:
    """Release 4 writes the reason above the address, and the address may be missing."""
    reasons = _REASONS.search(letter.text)
    if not reasons:
        return []
    found: list[tuple[str, str]] = []
    reason = ""
    for line in letter.text[reasons.end() :].split("\n"):
        to = address_in(line) if _ALONE.fullmatch(line) else ""
        if to:
            found.append((to, reason))
        elif line.strip() and not line.startswith("---"):
            reason = line.strip()
    return told(found[:200] or [(letter.returned_to, reason)])
