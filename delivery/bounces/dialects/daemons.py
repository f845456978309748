"""Postfix, Courier, OpenSMTPD, the DragonFly Mail Agent: each a plain list of recipients and replies."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import Form, notices, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_BRACKETED = r"<(?P<to>(?:\"[^\"<>\n]{1,64}\"|[^<>\s]{1,320})@[^<>\s@]{1,255})>"
_POSTFIX = Form(
    opens=("mail system", "the Postfix program", "This is the ", "Postfix on "),
    names=(
        re.compile(rf"{_BRACKETED}(?: \(expanded from.{{0,330}}?\))?:(?P<said>.*)$"),
        re.compile(rf"{_BRACKETED} \(expanded\s*$"),
    ),
    skips=re.compile(r"^\s*<[^<>]{1,320}>\):$"),
    ends=re.compile(r"^Reporting-MTA:"),
)
_COURIER = Form(
    opens=("UNDELIVERABLE MAIL", "DELAYS IN DELIVERING YOUR MESSAGE"),
    names=(re.compile(rf"{_BRACKETED}:\s*$"),),
    ends=re.compile(r"^-{40,}$"),
)
_OPENSMTPD = Form(
    opens=("This is the MAILER-DAEMON, please DO NOT REPLY",),
    names=(re.compile(r"(?P<to>[^\s<>:]{1,320}@[^\s<>@:]{1,255}): (?P<said>.*)$"),),
    skips=re.compile(r"^\s{4}"),
)
_DMA = Form(
    opens=("This is the DragonFly Mail Agent",),
    names=(re.compile(rf"There was an error delivering your mail to {_BRACKETED}"),),
)
_SMAIL = Form(
    opens=("Failed addresses follow:",),
    names=(
        re.compile(rf"\s{{1,4}}{_BRACKETED}\s*$"),
        re.compile(r"\s{1,4}<?(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})>? \.\.\. (?P<said>.*)$"),
    ),
    ends=re.compile(r"^\|-{5,} ?Message text"),
)
_LATE = re.compile(
    r"DELAYS IN DELIVERING|message is delayed|only a temporary failure report|could not be delivered for more than"
    r"|has been delayed|THIS IS A WARNING ONLY",
    re.IGNORECASE,
)
_SESSION = re.compile(r"(?m)^\s?(Out|In): {0,3}(.*)$")


def read(letter: Letter) -> list[Notice]:
    if " SMTP server: errors from " in letter.subject:
        return _session(letter.text)
    found = next(
        filter(None, (notices(letter.text, form) for form in (_OPENSMTPD, _DMA, _COURIER, _SMAIL, _POSTFIX))), []
    )
    late = bool(_LATE.search(letter.text))
    return [replace(_local(each), action="delayed") if late else _local(each) for each in found]


def _local(each: Notice) -> Notice:
    """Postfix's own local delivery knows its people."""
    return replace(each, command="rcpt") if each.diagnostic.startswith('unknown user: "') else each


def _session(text: str) -> list[Notice]:
    """Postfix tells its own postmaster of a client's session: "In:" is what came, "Out:" the answer."""
    pairs: list[tuple[str, str]] = []
    waiting = ""
    for who, line in _SESSION.findall(text[:65536]):
        if who == "In" and line.upper().startswith("RCPT TO:"):
            waiting = address_in(line)
        elif who == "Out" and waiting and line[:1] in "45":
            pairs.append((waiting, line))
            waiting = ""
    return told(pairs)
