"""Gateways and smaller servers: InterScan, MailMarshal, MailFoundry, IMail, James, Verizon, X3, X6, Facebook."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.bounces.codes import address_in
from delivery.bounces.dialects.blocks import Form, notice, notices, told
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

TEXT_LIMIT = 16 << 10  # characters: such reports are short
_TO = r"(?P<to>[^\s<>\"']{1,320}@[^\s<>@\"']{1,255}?)"
_ALSO = _TO.replace("<to>", "<also>")
_FORMS = (
    Form(  # InterScan, in English and Japanese
        opens=("Sent <<<", "Received >>>", " >>> ", " <<< "),
        names=(re.compile(rf"Sent <<< RCPT TO:\s?<{_TO}>"), re.compile(rf".{{0,80}} >>> RCPT TO:\s?<{_TO}>")),
    ),
    Form(
        opens=("InterScan", "Unable to deliver message to <"),
        names=(re.compile(rf"(?P<said>Unable to deliver message to <{_TO}>.*)"),),
        ends=re.compile(r"^\*{20,}$(?!)"),
    ),
    Form(  # MailFoundry
        opens=("Unable to deliver message to: <",),
        names=(re.compile(rf"Unable to deliver message to: <{_TO}>"),),
        skips=re.compile(r"^Delivery failed for the following reason|permanent failure"),
    ),
    Form(  # X3
        opens=("automatically generated Delivery Status Notification",),
        names=(re.compile(rf"\s{{1,8}}\* {_TO}\s*$"),),
        skips=re.compile(r"^=+$|Technical details"),
    ),
    Form(  # CommuniGate
        opens=("Failed to deliver to '",),
        names=(re.compile(rf"Failed to deliver to '<?{_TO}>?'"),),
    ),
    Form(  # IMail
        opens=(
            "User mailbox exceeds",
            "nknown user",
            "nknown host",
            "Invalid final delivery userid",
            "undeliverable to",
            "Delivery failed",
            "elivery fail",
        ),
        names=(
            re.compile(
                r"(?=.{0,120}(?:nknown|nvalid|xceed|[Ff]ail|not |cannot|full|loop|reject|refused|denied|disabled))"
                rf"(?P<said>[A-Z][\w ,'.()-]{{5,120}}): <?{_TO}>?\s*$"
            ),
            re.compile(rf"(?P<said>[Uu]ndeliverable to) <?{_TO}>?\s*$"),
            re.compile(rf"(?P<said>Delivery failed .{{0,120}}?) ?<?{_TO}>?\s*$"),
        ),
    ),
)
_FML = Form(
    names=(re.compile(rf"(?P<said>.{{1,300}}?)<{_TO}>"),),
)
_ANSWER = re.compile(r"generated response:\s{1,20}(.{1,900})", re.DOTALL)
# MailMarshal, James and Verizon write the reason first.
_REASON_FIRST = (
    (
        re.compile(
            r"ould not be delivered because of\s{1,20}(.{1,1500}?)\s{1,20}The following recipients were affected:",
            re.DOTALL,
        ),
        re.compile(rf"(?m)^\s{{2,8}}{_TO}\s*$"),
    ),
    (
        re.compile(r"Error message below:\s{1,20}(.{1,1500}?)\s{1,20}Message details:", re.DOTALL),
        re.compile(rf"(?m)^\s{{1,4}}RCPT TO: ?{_TO}\s*$"),
    ),
    (
        re.compile(r"Error: ([^\n]{1,500})\n(?=.{0,2000}RCPT TO:)", re.DOTALL),
        re.compile(rf"(?m)^\s{{1,4}}RCPT TO: ?{_TO}\s*$"),
    ),
    (
        re.compile(r"Message could not be delivered to mobile\.?\s{1,20}Error: ([^\n]{1,500})"),
        re.compile(rf"(?m)^To: ?<?{_TO}>?\s*$"),
    ),
)
# What IMail, CommuniGate and InterScan say of the people behind them
_LOCAL = re.compile(
    r"Unknown user|Invalid final delivery userid|LOCAL module\([^()\n]{1,320}\) reports: unknown user"
    r"|Unable to deliver message to .{1,400}Please check if address is correct"
)
_X6 = re.compile(
    rf"(?:SMTP Server <[^<>\n]{{1,255}}> rejected recipient <{_TO}>"
    rf"|recipients? returned permanent errors?: {_ALSO}\.?(?=\s))"
    r"[^\n]{0,1500}"
)


def read(letter: Letter) -> list[Notice]:
    text = letter.text[:TEXT_LIMIT]
    for reason, names in _REASON_FIRST:
        found = reason.search(text)
        people = [address_in(match["to"]) for match in names.finditer(letter.said[:TEXT_LIMIT])] if found else []
        if found and people:
            return [_mobile(each, letter) for each in told((to, found[1]) for to in people[:200])]
    sixth = told((address_in(match["to"] or match["also"]), match[0]) for match in _X6.finditer(text))
    if letter.get("x-mlserver"):
        return notices(text, _FML)
    told_of = sixth or next(filter(None, (notices(text, form) for form in _FORMS)), [])
    return [_local(_answered(each, text)) for each in told_of]


def _local(each: Notice) -> Notice:
    return replace(each, command="rcpt") if _LOCAL.match(each.diagnostic) else each


def _answered(each: Notice, text: str) -> Notice:
    """IMail puts the other server's answer apart from the address."""
    answer = _ANSWER.search(text)
    return notice(each.recipient, f"{answer[1]} {each.diagnostic}") if answer and not each.code else each


def _mobile(each: Notice, letter: Letter) -> Notice:
    """Verizon's own gateways know their subscribers."""
    return replace(each, command="rcpt") if letter.sender.rstrip("> ").endswith(("@vtext.com", "vzwpix.com")) else each
