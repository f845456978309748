"""Sendmail and those who write like it: "----- title -----", then lines (also Active!hunter, Biglobe, X1, McAfee)."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import code_in, command_in
from delivery.bounces.dialects.blocks import Form, notice, notices, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_TITLE = re.compile(r"(?m)^[ \t]{0,8}-{2,20} ?([A-Za-z][^\n-]{5,90}?) ?-{2,20}[ \t]*$")
_ADDRESSEES = re.compile(
    r"following addresses had (?!successful)|addresses with|had delivery (?:problems|errors)", re.IGNORECASE
)
_ARRIVED = re.compile(r"successful delivery notifications", re.IGNORECASE)
_TALK = re.compile(r"transcript of session|non-delivered information", re.IGNORECASE)
_FORM = Form(
    names=(
        re.compile(r">>> [^<>\n]{1,320}<(?P<to>[^<>\s]{1,320})>\s*$"),
        re.compile(r"<(?P<to>[^<>\s]{1,320}@[^<>\s]{1,255})>\s{0,9}(?:\((?P<said>.*?)\)?)?\s*$"),
        re.compile(r"(?P<to>[^\s<>\[\]]{1,320}@[^\s<>@\[\]]{1,255})\s{0,9}(?:\[(?P<said>[^\]]*)\])?\s*$"),
        re.compile(r"\"?\|?.{0,200}<(?P<to>[^<>\s]{1,320}@[^<>\s]{1,255})>\s*$"),
    ),
    skips=re.compile(r"expanded from"),
)
# "550 5.1.1 <a@b.example>... User unknown"
_VERDICT = re.compile(
    r"^(?:[245]\d\d )?(?:[245]\.\d{1,3}\.\d{1,3} )?<?(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255}?)>?\.\.\. ?(?P<said>.*)$"
)
_LATE = re.compile(r"transient non-fatal errors|WARNING MESSAGE ONLY|still undelivered|Will keep trying", re.IGNORECASE)


def read(letter: Letter) -> list[Notice]:
    sections = _sections(letter.text)
    named = [notice for title, body in sections if _ADDRESSEES.search(title) for notice in notices(body, _FORM)]
    arrived = [notice for title, body in sections if _ARRIVED.search(title) for notice in notices(body, _FORM)]
    if arrived and not named:
        return [replace(each, action="delivered") for each in arrived]
    talk = [line for title, body in sections if _TALK.search(title) for line in body.split("\n")]
    if not named and not talk:
        return []
    spoken = _spoken(talk)
    if not named:
        return _late(letter, [replace(each, command=_asked(each, spoken)) for each in spoken.values()])
    asked = command_in("\n".join(talk)) if len(named) == 1 else ""
    full = [_fuller(each, spoken.get(each.recipient), talk) for each in named]
    return _late(letter, [replace(each, command=each.command or _asked(each, spoken) or asked) for each in full])


def _asked(each: Notice, spoken: dict[str, Notice]) -> str:
    """Pipelining blurs what was answered; Sendmail itself writes "User unknown" for answers to RCPT only."""
    said = spoken.get(each.recipient)
    if said is None:
        return ""
    return "rcpt" if "... User unknown" in said.diagnostic else said.command


def _sections(text: str) -> list[tuple[str, str]]:
    marks = list(_TITLE.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [(mark[1], text[mark.end() : end]) for mark, end in zip(marks, ends, strict=False)]


def _spoken(talk: list[str]) -> dict[str, Notice]:
    """What the transcript says of each recipient: the server's own words before the line that names it."""
    answers: list[str] = []
    found: list[tuple[str, str]] = []
    for line in talk:
        match = _VERDICT.match(line.strip())
        if line.startswith(">>> RCPT"):
            answers = [line]
        elif line.startswith("<<<"):
            answers.append(line[3:].strip())
        elif match:
            found.append((match["to"].lower(), " ".join([*answers[-3:], match["said"], line.strip()])))
            answers = []
    return {each.recipient: each for each in told(found)}


def _fuller(named: Notice, spoken: Notice | None, talk: list[str]) -> Notice:
    if named.code or (named.status and named.diagnostic):
        return named
    if spoken:
        return spoken if spoken.code or not named.diagnostic else named
    rest = " ".join(line.strip() for line in talk if not line.startswith((">>>", "...")))
    if not rest.strip() or code_in(named.diagnostic):
        return named
    return notice(named.recipient, f"{named.diagnostic} {rest}")


def _late(letter: Letter, found: list[Notice]) -> list[Notice]:
    return [replace(each, action="delayed") for each in found] if _LATE.search(letter.text) else found
