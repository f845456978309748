"""Japan's mobile carriers, and m-FILTER."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.dialects.blocks import Form, notice, notices
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_TO = r"<(?P<to>[^<>\s]{1,320}@[^<>\s@]{1,255})>"
# au and UQ: a sentence about all, then the recipients; or a transcript for each.
_AU = Form(
    opens=("The user(s) ", "Your message ", "Each of the following", "The following recipients did not receive"),
    names=(re.compile(rf"\s{{1,12}}Recipient: {_TO}"), re.compile(rf"{_TO}:?(?P<said>.*)$")),
    ends=re.compile(r"^-{40,}$"),
)
_KDDI = Form(
    opens=("Your mail sent on:", "Your mail attempted to be delivered on:"),
    names=(re.compile(rf"\s{{1,12}}Could not be delivered to: {_TO}(?P<said>.*)$"),),
)
_ABOUT_ALL = re.compile(
    r"(?m)^(The user\(s\) account is[^\n]{1,200}"
    r"|Your message was not delivered within[^\n]{1,200}(?:\n[^\n<]{1,200})?"
    r"|Each of the following recipients was rejected)"
)
_FILTERED = Form(
    opens=("以下のメールアドレスへの送信に失敗しました", "m-FILTER"),
    names=(re.compile(r"(?P<to>[^\s<>]{1,320}@[^\s<>@]{1,255})\s*$"),),
    skips=re.compile(r"^-{5,}"),
    ends=re.compile(r"^-{5,}(?:SMTP command|original )"),
)


def read(letter: Letter) -> list[Notice]:
    if "m-FILTER" in letter.get("x-mailer") or "「m-FILTER」" in letter.text:
        return notices(letter.text, _FILTERED)
    found = notices(letter.text, _KDDI)
    if found or not _by_au(letter):
        return found
    if letter.get("x-spasign") == "NG":  # au's own filter
        return [replace(each, command="dot") for each in notices(letter.text, _AU)]
    about = _ABOUT_ALL.search(letter.text)
    return [_with(each, about[1]) if about and not each.code else each for each in notices(letter.text, _AU)]


def _by_au(letter: Letter) -> bool:
    trail = f"{letter.sender} {letter.get('message-id')} {letter.received}".lower()
    return any(
        name in trail for name in ("ezweb.ne.jp", ".au.com", "@au.com", "dion.ne.jp", "auone-net.jp", "uqmobile")
    )


def _with(each: Notice, about: str) -> Notice:
    return notice(each.recipient, f"{about} {each.diagnostic}")
