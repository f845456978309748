"""Reads an SMTP reply from one line of text, as people copy it from logs and bounces."""

from __future__ import annotations

import re

from delivery.smtp.replies import EnhancedStatus, Phase, Reply

LINE_LIMIT = 8192  # characters of a line that are looked at

# A reply of several lines, joined by newlines, by a written "\n", or by " / ".
_JOINT = re.compile(r"\r?\n|\\r\\n|\\n| / (?=[245]\d\d[ -])")
_CODE_FIRST = re.compile(r"[\s\"'#<(]{0,8}([2-5]\d\d)(?=[\s:.\-]|$)")
# "host mx.example said: 550 5.1.1 …", "returned '550 …", "<<< 550 …"
_CODE_WITHIN = re.compile(r"(?:[:\"'<#\]] ?|^|(?<=\s)(?=\d{3}[ -][245]\.\d))([45]\d\d)(?=[ :\-])")
_CONTINUED = re.compile(r"^[245]\d\d(?=[\s\-]|$)[\s\-]?")
_STATUS = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?![\w.]?\d)")

_COMMANDS = {
    "rcpt to command": Phase.RCPT,
    "mail from command": Phase.MAIL,
    "end of data": Phase.DOT,
    "final data": Phase.DOT,
    "data command": Phase.DATA,
    "[rcpt_to]": Phase.RCPT,
    "[mail_from]": Phase.MAIL,
    "after mail from": Phase.MAIL,
    "after rcpt to": Phase.RCPT,
    "after ehlo": Phase.HELO,
    "initial connection": Phase.CONNECT,
    "helo command": Phase.HELO,
    "refused to talk to me": Phase.CONNECT,
}

# Where a reply most likely came when nothing tells.
_USUAL_PHASES = {
    421: Phase.CONNECT,
    450: Phase.RCPT,
    452: Phase.RCPT,
    530: Phase.MAIL,
    535: Phase.AUTH,
    550: Phase.RCPT,
    551: Phase.RCPT,
    553: Phase.RCPT,
}


def read_reply(line: str, *, phase: Phase | None = None) -> Reply:
    """The reply in `line`; its code is 0 where there is none. Never fails."""
    first, *more = _JOINT.split(line[:LINE_LIMIT].strip())
    match = _CODE_FIRST.match(first)
    found = match or _CODE_WITHIN.search(first)
    code = int(found[1]) if found else 0
    opening = first[match.end() :].lstrip(" \t:-.") if match else first
    text = "\n".join([opening, *(_CONTINUED.sub("", part) for part in more)])
    return Reply(code, text, _status(text, code), phase or _phase(text.lower(), code))


def _status(text: str, code: int) -> EnhancedStatus | None:
    """The first enhanced code whose class is that of the reply, else the first of all."""
    found = [EnhancedStatus(*map(int, match.groups())) for match in _STATUS.finditer(text)]
    return next((status for status in found if status.klass == code // 100), found[0] if found else None)


def _phase(text: str, code: int) -> Phase:
    told = next((phase for words, phase in _COMMANDS.items() if words in text), None)
    if told:
        return told
    return _USUAL_PHASES.get(code, Phase.DOT) if code else Phase.DSN
